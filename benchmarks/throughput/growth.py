"""How time and memory grow with one quantity while the others stay."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from benchmarks.throughput.measure import Case, run_rounds
from benchmarks.throughput.summary import grouped, slope, spread

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from benchmarks.throughput.summary import Measurement

__all__ = ["AXES", "growth", "measure_growth"]

BASE = Case(size="20M", shape="128/64", steps=6, skip=2)

AXES: dict[str, dict[int, dict[str, Any]]] = {
    "batch": {pairs: {"batch_size": pairs} for pairs in (1, 2, 4, 8)},
    "prompt": {tokens: {"shape": f"{tokens}/64"} for tokens in (64, 128, 256, 512)},
    "response": {tokens: {"shape": f"128/{tokens}"} for tokens in (32, 64, 128, 256)},
    "vocabulary": {words: {"vocabulary": words} for words in (8_000, 16_000, 32_000, 64_000)},
    "rows": {8 * steps: {"steps": steps, "batch_size": 8, "size": "1M"} for steps in (64, 256, 1024)},
}
"""Per axis: its values, and what each changes in the base case."""


def measure_growth(
    output: Path, size: str, axes: list[str], sides: list[str], rounds: int, settings: dict[str, Any]
) -> None:
    """Measure the sides at every value of every axis."""
    for axis in axes:
        for value, changes in AXES[axis].items():
            case = replace(BASE, **{"size": size, **changes})
            labels = {"axis": axis, "value": value}
            groups = [[side] for side in sides]
            run_rounds(case, groups, rounds, output / "growth", settings=settings, labels=labels)


def growth(measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Return per axis and side the medians at every value, and their log-log slopes.

    The time is that of a step; over rows, that of a whole run.
    """
    found: dict[str, Any] = {}
    for (axis, side), group in grouped(measurements, lambda one: (one["axis"], one["side"])).items():
        at = grouped(group, lambda one: one["value"])
        seconds = {value: spread(map(_seconds, same)).median for value, same in at.items()}
        memory = {value: spread(one["growth_mb"] for one in same).median for value, same in at.items()}
        if len(at) > 1:
            found.setdefault(axis, {})[side] = {
                "seconds": seconds,
                "growth_mb": memory,
                "slope_seconds": slope(list(seconds.items())),
                "slope_memory": slope(list(memory.items())),
            }
    return found


def _seconds(one: Measurement) -> float:
    if one["axis"] == "rows":
        return float(one["steps"] * one["batch_size"] / one["pairs_per_second_whole_run"])
    return float(one["batch_size"] / one["pairs_per_second"])
