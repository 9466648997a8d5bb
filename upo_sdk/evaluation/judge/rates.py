"""From outcomes of pairs to rates with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.evaluation.judge.length import fit_logistic, intercept_error, length_feature
from upo_sdk.records import Estimate
from upo_sdk.statistics import Sums, share_interval, student_t

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.arrays import FloatArray
    from upo_sdk.evaluation.judge.questions import Pair


__all__ = ["LengthControlled", "length_controlled", "length_differences", "win_rate"]


@dataclass(frozen=True, slots=True)
class LengthControlled:
    """The win rate at equal length.

    Attributes:
        rate: In percent.
        effect: Coefficient of length, in log-odds.
    """

    rate: Estimate
    effect: float


def win_rate(score_N: FloatArray, prompts: Sequence[str]) -> Estimate | None:
    """Return the mean of wins (1), ties (½) and losses (0) in percent; None without pairs.

    If all outcomes are equal, and so have no spread, the interval is that of a proportion.
    """
    if not len(score_N):
        return None
    found = Sums.by_unit(100 * score_N, prompts).estimate
    if found.count > 1 and np.ptp(score_N) == 0:
        low, high = share_interval(float(score_N[0]), found.count)
        return found.model_copy(update={"low": 100 * low, "high": 100 * high})
    return found.model_copy(update={"low": _within(found.low), "high": _within(found.high)})


def length_controlled(
    score_N: FloatArray, differences_N: FloatArray, prompts: Sequence[str]
) -> LengthControlled | None:
    """Return the win rate that a logistic regression gives answers of equal length.

    None if all differences are the same: then length and quality cannot be separated. The interval is Student's t
    around the
    intercept, in log-odds.
    """
    feature_N = length_feature(differences_N) if len(score_N) else None
    if feature_N is None:
        return None
    theta_R, phi_R = fit_logistic(feature_N, score_N, np.ones((1, len(score_N))))
    theta, phi, units = float(theta_R[0]), float(phi_R[0]), len(set(prompts))
    low = high = None
    if units > 1:
        half = student_t(units - 1) * intercept_error(feature_N, score_N, prompts, (theta, phi))
        low, high = _percent(theta - half), _percent(theta + half)
    return LengthControlled(Estimate(mean=_percent(theta), low=low, high=high, count=units), phi)


def length_differences(pairs: Sequence[Pair]) -> FloatArray:
    """Return the characters of the model's answer minus those of the other, shape [N]."""
    return np.array([len(pair.answer.strip()) - len(pair.other.strip()) for pair in pairs], dtype=np.float64)


def _percent(log_odds: float) -> float:
    return 100 / (1 + float(np.exp(-log_odds)))


def _within(percent: float | None) -> float | None:
    return None if percent is None else min(100.0, max(0.0, percent))
