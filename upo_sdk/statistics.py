"""Estimates with 95 % intervals. Prompts are the units: several answers to one prompt are not independent.

Suffix ``U``: units, such as prompts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.records import Estimate

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Sequence

    from upo_sdk.arrays import FloatArray


__all__ = ["Sums", "differ", "difference", "ranked_right", "share_interval", "student_t"]

_Z = NormalDist().inv_cdf(0.975)
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)


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

    @classmethod
    def by_unit(cls, values_N: FloatArray, units_N: Sequence[Hashable]) -> Sums:
        """Return the mean over values that belong to the units named beside them."""
        numbers: dict[Any, int] = {}
        place_N = [numbers.setdefault(unit, len(numbers)) for unit in units_N]
        total_U = np.bincount(place_N, weights=values_N, minlength=len(numbers)).astype(np.float64)
        return cls(total_U, np.bincount(place_N, minlength=len(numbers)).astype(np.float64))

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

    @property
    def estimate(self) -> Estimate:
        """The statistic with its interval."""
        return _estimate(self.value, self.influence_U(), self.units)

    def influence_U(self) -> FloatArray:
        """By how much each unit moves the statistic: of a mean ``(x_u − x̄) / n``, of a ratio to first order."""
        influence_U: FloatArray = (self.total_U - self.value * self.count_U) / self.count_U.sum()
        return influence_U


def difference(one: Sums, other: Sums) -> Estimate:
    """Return ``one − other`` over the same units, with the interval of the paired difference."""
    influence_U = one.influence_U() - other.influence_U()
    change = one.value - other.value
    exact = 0.0 if math.isclose(one.value, other.value, rel_tol=1e-12) else change  # float noise is no change
    return _estimate(exact, influence_U, min(one.units, other.units))


def differ(one: Estimate, other: Estimate) -> bool:
    """Return whether two estimates are further apart than chance puts them, by ``√(h₁² + h₂²)`` of their half-widths.

    On the same prompts that errs on the careful side. With fewer than :data:`Estimate.ENOUGH` prompts nothing differs.
    """
    if one.interval is None or other.interval is None or not (one.enough and other.enough):
        return False
    lower, upper = sorted((one, other), key=lambda estimate: estimate.mean)
    assert lower.high is not None  # noqa: S101 - both have intervals
    assert upper.low is not None  # noqa: S101
    return upper.mean - lower.mean > math.hypot(lower.high - lower.mean, upper.mean - upper.low)


def share_interval(share: float, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a share of independent yes-or-no values: Wilson, 1927; wide where a tie is a half."""
    middle = (share + _Z**2 / (2 * count)) / (1 + _Z**2 / count)
    half = _Z / (1 + _Z**2 / count) * math.sqrt(share * (1 - share) / count + _Z**2 / (4 * count**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def student_t(degrees: int) -> float:
    """Return the 97.5 % quantile of Student's t with that many degrees of freedom, to three decimals.

    From eleven on the expansion of Fisher and Cornish, 1960; below, the table.
    """
    if degrees <= len(_T):
        return _T[degrees - 1]
    first = (_Z**3 + _Z) / 4
    second = (5 * _Z**5 + 16 * _Z**3 + 3 * _Z) / 96
    third = (3 * _Z**7 + 19 * _Z**5 + 17 * _Z**3 - 15 * _Z) / 384
    return _Z + first / degrees + second / degrees**2 + third / degrees**3


def ranked_right(margin_B: Any) -> Any:
    """Return 1 for a pair whose chosen response has the higher implicit reward, ½ for a tie, 0 else.

    Args:
        margin_B: An array, or a tensor; the result is of the same kind.
    """
    return 1.0 * (margin_B > 0) + 0.5 * (margin_B == 0)


def _estimate(mean: float, influence_U: FloatArray, units: int) -> Estimate:
    """Return the interval ``± t · √(n / (n − 1) · Σ influence²)``: of a mean, Student's ``± t · s / √n``."""
    if units < 2:  # noqa: PLR2004 - one value has no spread
        return Estimate(mean=mean, low=None, high=None, count=units)
    half = student_t(units - 1) * math.sqrt(units / (units - 1) * float(np.square(influence_U).sum()))
    return Estimate(mean=mean, low=mean - half, high=mean + half, count=units)
