"""Estimates, and resampling with prompts as the units: several answers to one prompt are not independent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    import numpy.typing as npt

    FloatArray = npt.NDArray[np.float64]

__all__ = ["RESAMPLES", "Estimate", "percentile_interval", "resampled_weights"]

RESAMPLES = 2000
_CELLS = 2_000_000
"""Weights that are in memory at a time."""


class Estimate(BaseModel):
    """A mean with its bootstrap 95 % interval."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    mean: float = Field(description="The mean, or the ratio of two sums, over everything that was measured.")
    low: float = Field(description="Lower end of the 95 % interval.")
    high: float = Field(description="Upper end of the 95 % interval.")
    count: int = Field(ge=0, description="Prompts behind it; they are what is resampled.")


def resampled_weights(units_N: Sequence[Hashable], *, seed: int, resamples: int = RESAMPLES) -> Iterator[FloatArray]:
    """Yield how often each of N values occurs in bootstrap resamples of their units, in parts of shape [R, N].

    Args:
        units_N: What each value belongs to, such as its prompt; values of one unit are drawn together.
        seed: The same seed gives the same resamples.
        resamples: How many in all.
    """
    numbers: dict[Any, int] = {}
    unit_N = np.array([numbers.setdefault(unit, len(numbers)) for unit in units_N])
    rng, units = np.random.default_rng(seed), len(numbers)
    part = max(1, _CELLS // max(1, len(unit_N)))
    for start in range(0, resamples, part):
        rows = min(part, resamples - start)
        drawn = rng.integers(0, units, (rows, units)) + units * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        yield counts[:, unit_N].astype(np.float64)


def percentile_interval(values_R: FloatArray) -> tuple[float, float]:
    """Return the 2.5 and 97.5 percentiles of bootstrap statistics."""
    low, high = np.percentile(values_R, [2.5, 97.5])
    return float(low), float(high)
