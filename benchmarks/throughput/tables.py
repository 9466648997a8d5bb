"""The tables, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.throughput.sides import SIDES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["case_table", "growth_table"]


def case_table(result: Mapping[str, Any]) -> str:
    """Return what was trained, a table of the sides and a table of the ratios."""
    device, sides = result["device"], result["sides"]
    settings = "".join(f", {key}={value}" for key, value in {**result["settings"], **result["allocator"]}.items())
    heading = (
        f"### {result['size']}, {result['shape']}: {result['steps']} steps of {result['batch_size']} pairs, "
        f"vocabulary {result['vocabulary']:,}, {device['name']}, {device['threads']} threads{settings}"
    )
    columns = {
        "pairs/s": ("pairs_per_second", ".2f"),
        "pairs/s, whole run": ("pairs_per_second_whole_run", ".2f"),
        "s to first step": ("seconds_to_first_step", ".1f"),
        "peak MB": ("peak_mb", ".0f"),
        "growth MB": ("growth_mb", ".0f"),
    }
    if any("model_flops_utilisation" in side for side in sides.values()):
        columns["MFU"] = ("model_flops_utilisation", ".1%")
    rows = [
        (SIDES[name].title, *(_interval(side.get(key), form) for key, form in columns.values()))
        for name, side in sides.items()
    ]
    ratios = [(title, _interval(interval, ".3f")) for title, interval in result["ratios"].items()]
    gaps = result["largest_loss_difference"].items()
    ratios += [
        (f"largest difference of a step's loss, our dpo / {SIDES[side].title}", f"{gap:.1e}") for side, gap in gaps
    ]
    parts = [heading, _table(("side", *columns), rows)]
    if ratios:
        parts.append(_table(("ours against theirs, round by round", "median (range)"), ratios))
    return "\n\n".join(parts)


def growth_table(growth: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> str:
    """Return the log-log slopes of time and memory per axis and side."""
    rows = [
        (axis, SIDES[name].title, f"{side['slope_seconds']:.2f}", f"{side['slope_memory']:.2f}")
        for axis, sides in growth.items()
        for name, side in sides.items()
    ]
    return "### Growth\n\n" + _table(("over", "side", "slope of time", "slope of memory"), rows)


def _interval(interval: Mapping[str, float] | None, form: str) -> str:
    if interval is None:
        return "–"
    median, low, high = (format(interval[key], form) for key in ("median", "low", "high"))
    return median if interval["rounds"] == 1 else f"{median} ({low}–{high})"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
