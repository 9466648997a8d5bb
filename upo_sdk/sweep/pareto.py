"""Which points are not beaten: the Pareto front."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Better", "dominates", "pareto_optimal"]

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


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Return whether ``one`` is nowhere worse and somewhere better; higher is better."""
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def _oriented(metrics: Mapping[str, float], better: Mapping[str, Better]) -> tuple[float, ...] | None:
    values = [metrics.get(metric, math.nan) * (1 if way == "higher" else -1) for metric, way in better.items()]
    return tuple(values) if values and all(map(math.isfinite, values)) else None
