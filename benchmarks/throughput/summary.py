"""From measurements to ratios with ranges, loss gaps and slopes: pure functions."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

__all__ = [
    "RATIOS",
    "WHOLE_RUN",
    "Interval",
    "Ratio",
    "counted",
    "grouped",
    "loss_gaps",
    "ratio_per_round",
    "slope",
    "spread",
]

Measurement = dict[str, Any]


class Ratio(NamedTuple):
    """``side`` over ``against`` in ``measure``; a target is a lower bound of speed, an upper bound of memory."""

    title: str
    side: str
    against: str
    measure: str


RATIOS = (
    Ratio("speed, all four / TRL default", "upo", "trl", "pairs_per_second"),
    Ratio("speed, all four / TRL best", "upo", "trl-best", "pairs_per_second"),
    Ratio("speed, all four / TRL best, CUDA-style head", "upo", "trl-best-head", "pairs_per_second"),
    Ratio("speed, all four / TRL CUDA-style head, not grouped", "upo", "trl-head-shuffled", "pairs_per_second"),
    Ratio("speed of the whole run, all four / TRL default", "upo", "trl", "pairs_per_second_whole_run"),
    Ratio("speed of the whole run, all four / TRL best", "upo", "trl-best", "pairs_per_second_whole_run"),
    Ratio("memory, all four / TRL default", "upo", "trl", "growth_mb"),
    Ratio("memory, all four / TRL best, CUDA-style head", "upo", "trl-best-head", "growth_mb"),
    Ratio("memory, all four / TRL default, both with checkpointing", "upo-checkpointed", "trl", "growth_mb"),
    Ratio("speed, all four / TRL default, both with checkpointing", "upo-checkpointed", "trl", "pairs_per_second"),
    Ratio("speed with LoRA, all four / TRL + PEFT default", "upo-lora", "trl-lora", "pairs_per_second"),
    Ratio(
        "speed with LoRA, all four / TRL + PEFT best, CUDA-style head", "upo-lora", "trl-lora-head", "pairs_per_second"
    ),
    Ratio("memory with LoRA, all four / TRL + PEFT default", "upo-lora", "trl-lora", "growth_mb"),
    Ratio("memory with LoRA, all four / TRL + PEFT best, CUDA-style head", "upo-lora", "trl-lora-head", "growth_mb"),
    Ratio("time of a step, all four / dpo alone", "dpo", "upo", "pairs_per_second"),
)


WHOLE_RUN = ("pairs_per_second_whole_run", "seconds_to_first_step")
"""Measures that include the preparation."""

MEMORY = ("peak_mb", "growth_mb")


class Interval(NamedTuple):
    """The median of some rounds and their range."""

    median: float
    low: float
    high: float
    rounds: int


def spread(values: Iterable[float]) -> Interval:
    """Return median and range."""
    listed = list(values)
    return Interval(statistics.median(listed), min(listed), max(listed), len(listed))


def counted(measurements: Sequence[Measurement], measure: str) -> list[Measurement]:
    """Return the runs that tell about a measure.

    A whole run, and the wait for its first step, are those that began with empty caches. Memory is that of runs that
    found their preparation done, of sides that have such runs. Steps take as long either way.
    """
    if measure in WHOLE_RUN:
        return [one for one in measurements if not one["cached"]]
    if measure not in MEMORY:
        return list(measurements)
    with_cache = {one["side"] for one in measurements if one["cached"]}
    return [one for one in measurements if one["cached"] or one["side"] not in with_cache]


def ratio_per_round(measurements: Sequence[Measurement], ratio: Ratio) -> Interval | None:
    """Take the ratio inside each round that measured both sides; None if no round did."""

    def by_round(side: str) -> dict[int, float]:
        kept = counted(measurements, ratio.measure)
        return {one["round"]: one[ratio.measure] for one in kept if one["side"] == side}

    ours, theirs = by_round(ratio.side), by_round(ratio.against)
    both = sorted(ours.keys() & theirs.keys())
    return spread(ours[number] / theirs[number] for number in both) if both else None


def loss_gaps(measurements: Sequence[Measurement]) -> dict[str, float]:
    """Return the largest difference of a step's loss between our ``dpo`` and each peer on the same batches."""
    curves = {one["side"]: one["losses"] for one in measurements}
    ours = curves.get("dpo-same-batches")
    return {
        side: max(abs(our - their) for our, their in zip(ours, curves[side], strict=True))
        for side in ("trl-best", "trl-best-head")
        if side in curves and ours
    }


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Return the least-squares slope of log y over log x: 1 is linear, 2 quadratic."""
    logs = [(math.log(x), math.log(y)) for x, y in points]
    mean_x, mean_y = (statistics.fmean(values) for values in zip(*logs, strict=True))
    return sum((x - mean_x) * (y - mean_y) for x, y in logs) / sum((x - mean_x) ** 2 for x, _ in logs)


def grouped(measurements: Iterable[Measurement], key: Callable[[Measurement], Any]) -> dict[Any, list[Measurement]]:
    """Collect measurements by key, in the order in which the keys come first."""
    groups: dict[Any, list[Measurement]] = {}
    for one in measurements:
        groups.setdefault(key(one), []).append(one)
    return groups
