"""Which points are not beaten: the Pareto front."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from upo_sdk.statistics import differ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upo_sdk.records import Estimate

__all__ = ["Better", "dominates", "is_clear", "pareto_optimal"]

Better = Literal["higher", "lower"]


def pareto_optimal(points: Mapping[str, Mapping[str, float]], better: Mapping[str, Better]) -> dict[str, bool | None]:
    """Say of every point whether no other one dominates it.

    Equal points do not dominate each other: both are optimal, or neither. A point that lacks one of the metrics, or
    has one that is not finite, cannot be compared: it gets None and dominates nothing.

    Args:
        points: The metrics of every point, by name.
        better: Which way is better, by metric; the axes of the comparison.
    """
    compared = {name: _oriented(metrics, better) for name, metrics in points.items()}
    known = [values for values in compared.values() if values is not None]
    return {
        name: None if values is None else not any(dominates(other, values) for other in known)
        for name, values in compared.items()
    }


def is_clear(name: str, points: Mapping[str, Mapping[str, Estimate]], better: Mapping[str, Better]) -> bool:
    """Return whether every point but its equals is worse than this one somewhere, beyond the intervals."""
    means = {
        key: _oriented({metric: value.mean for metric, value in own.items()}, better) for key, own in points.items()
    }
    others = [key for key, found in means.items() if found is not None and found != means[name]]
    return bool(others) and all(
        any(_is_better(points[name], points[other], metric, way) for metric, way in better.items()) for other in others
    )


def _is_better(one: Mapping[str, Estimate], other: Mapping[str, Estimate], metric: str, way: Better) -> bool:
    higher = one[metric].mean > other[metric].mean
    return higher == (way == "higher") and differ(one[metric], other[metric])


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Return whether ``one`` is nowhere worse and somewhere better; higher is better."""
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def _oriented(metrics: Mapping[str, float], better: Mapping[str, Better]) -> tuple[float, ...] | None:
    values = [metrics.get(metric, math.nan) * (1 if way == "higher" else -1) for metric, way in better.items()]
    exact = [float(f"{value:.9g}") for value in values]  # equal points stay equal whatever float noise is in them
    return tuple(exact) if exact and all(map(math.isfinite, exact)) else None
