"""Means and ratios with bootstrap 95 % intervals: prompts are resampled, and what belongs to one stays together.

Suffixes: ``U`` units that are resampled (prompts), ``R`` resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.evaluation.schema import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Bootstrap", "Sums"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

_RESAMPLES = 2000


@dataclass(frozen=True, slots=True)
class Sums:
    """A statistic ``Σ_u total_u / Σ_u count_u``: a mean if the counts count, a ratio of means if they are values.

    Attributes:
        total_U: Sum of the values of each unit.
        count_U: How many values those are, or the sum of what they are divided by.
    """

    total_U: FloatArray
    count_U: FloatArray

    @classmethod
    def of(cls, values: Iterable[Sequence[float]]) -> Sums:
        """Return the mean over all values of all units; NaN means that a value does not exist."""
        rows = [np.asarray(row, dtype=np.float64) for row in values]
        return cls(
            np.array([np.nansum(row) for row in rows]), np.array([float((~np.isnan(row)).sum()) for row in rows])
        )

    @classmethod
    def grouped(cls, values: FloatArray, size: int) -> Sums:
        """Return the mean over values of which every ``size`` neighbours belong to one unit."""
        return cls.of(values.reshape(-1, size))

    def select(self, units: Sequence[int]) -> Sums:
        """Return the statistic of some units."""
        return Sums(self.total_U[list(units)], self.count_U[list(units)])

    @property
    def exists(self) -> bool:
        """Whether there is anything to divide by."""
        return bool(self.count_U.sum() > 0)

    @property
    def value(self) -> float:
        """The statistic."""
        return float(self.total_U.sum() / self.count_U.sum())

    @property
    def units(self) -> int:
        """How many units have a value."""
        return int((self.count_U > 0).sum())


@dataclass(frozen=True)
class Bootstrap:
    """The percentile bootstrap over units; the same resamples for everything that is compared.

    Its seed is not that of sampling: two evaluations of the same numbers have the same intervals.

    Attributes:
        units: How many there are.
        seed: Of the resamples.
    """

    units: int
    seed: int = 0

    @cached_property
    def _indices_RU(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        return np.random.default_rng(self.seed).integers(0, self.units, (_RESAMPLES, self.units))

    def estimate(self, sums: Sums) -> Estimate:
        """Return the statistic with its interval."""
        return _estimate(sums.value, self._resampled_R(sums), sums.units)

    def difference(self, one: Sums, other: Sums) -> Estimate:
        """Return ``one − other`` with the interval of the paired difference."""
        resampled_R = self._resampled_R(one) - self._resampled_R(other)
        return _estimate(one.value - other.value, resampled_R, min(one.units, other.units))

    def _resampled_R(self, sums: Sums) -> FloatArray:
        count_R = sums.count_U[self._indices_RU].sum(axis=1)
        total_R = sums.total_U[self._indices_RU].sum(axis=1)
        ratio_R: FloatArray = np.divide(total_R, count_R, out=np.full(_RESAMPLES, np.nan), where=count_R > 0)
        return ratio_R


def _estimate(mean: float, resampled_R: FloatArray, units: int) -> Estimate:
    low, high = np.nanpercentile(resampled_R, [2.5, 97.5])
    return Estimate(mean=mean, low=float(low), high=float(high), count=units)
