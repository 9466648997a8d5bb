"""Tables in Markdown, ``results.json`` and a figure from what a folder holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.throughput.figure import draw_cases, draw_growth
from benchmarks.throughput.growth import growth
from benchmarks.throughput.measure import read_measurements
from benchmarks.throughput.sizes import SIZES
from benchmarks.throughput.summary import RATIOS, counted, grouped, loss_gaps, ratio_per_round, spread
from benchmarks.throughput.tables import case_table, growth_table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.throughput.summary import Measurement

__all__ = ["write_report"]

PEAK_FLOPS = {"H100": 989e12, "H200": 989e12, "A100": 312e12}
"""Dense bfloat16, from the makers' data sheets."""

DESCRIPTION = ("size", "shape", "steps", "skip", "batch_size", "vocabulary", "prompt_tokens", "response_tokens")

MEASURES = ("pairs_per_second", "pairs_per_second_whole_run", "peak_mb", "growth_mb", "seconds_to_first_step")


def write_report(output: Path) -> str:
    """Write ``results.json`` and the figures, and return the tables."""
    results = [_summarise(same) for same in grouped(read_measurements(output), _case).values()]
    curves = growth(read_measurements(output / "growth"))
    written = json.dumps({"cases": results, "growth": curves}, indent=2, ensure_ascii=False)
    (output / "results.json").write_text(written + "\n", encoding="utf-8")
    tables = [case_table(result) for result in results]
    if results:
        draw_cases(results, output / "throughput.svg")
    if curves:
        tables.append(growth_table(curves))
        draw_growth(curves, output / "growth.svg")
    return "\n\n".join(tables)


def _case(one: Measurement) -> str:
    keys = (*DESCRIPTION, "threads", "settings", "allocator", "device")
    return json.dumps([one[key] for key in keys])


def _summarise(measurements: Sequence[Measurement]) -> dict[str, Any]:
    first = measurements[0]
    sides = {
        side: {name: spread(one[name] for one in kept)._asdict() for name in MEASURES if (kept := counted(rows, name))}
        | _utilisation(rows)
        for side, rows in grouped(measurements, lambda one: one["side"]).items()
    }
    ratios = [(ratio.title, ratio_per_round(measurements, ratio)) for ratio in RATIOS]
    return {
        **{key: first[key] for key in (*DESCRIPTION, "settings", "allocator", "device")},
        "sides": sides,
        "ratios": {title: interval._asdict() for title, interval in ratios if interval},
        "largest_loss_difference": loss_gaps(measurements),
    }


def _utilisation(rows: Sequence[Measurement]) -> dict[str, Any]:
    """Return the model-FLOPs utilisation where the device's peak is known."""
    first = rows[0]
    peak = next((flops for name, flops in PEAK_FLOPS.items() if name in first["device"]["name"]), None)
    if peak is None:
        return {}
    pairs = first["steps"] * first["batch_size"]
    prompt, response = first["prompt_tokens"] / pairs, first["response_tokens"] / pairs / 2
    flops = SIZES[first["size"]].flops_per_pair(prompt, response, first["vocabulary"])
    return {"model_flops_utilisation": spread(one["pairs_per_second"] * flops / peak for one in rows)._asdict()}
