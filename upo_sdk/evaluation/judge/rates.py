"""From outcomes of pairs to rates with intervals: as they are, and at equal length.

As length-controlled AlpacaEval (Dubois et al. 2024, arXiv 2404.04475), without its term for the difficulty of prompts,
which needs many models: ``P(win) = σ(θ + φ · tanh(Δ / std(Δ)))`` for the difference of lengths ``Δ``, and the rate is
``σ(θ)``. Differences are not centred, so that zero stays zero. A tie is half a win.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.records import Estimate
from upo_sdk.statistics import Sums, share_interval, student_t

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from upo_sdk.arrays import FloatArray
    from upo_sdk.evaluation.judge.questions import Pair

__all__ = ["LengthControlled", "fit_logistic", "length_controlled", "length_differences", "length_feature", "win_rate"]

_PRIOR = np.array([0.02, 0.0001])
"""Inverse variances of normal priors on θ and φ, which decide where the data cannot: if length explains every verdict,
length is believed before quality. From 64 pairs on they move the rate by less than half a point where the mean
difference is within one standard deviation of 0. Beyond, zero is at the edge of what was seen, and the rate there is
extrapolated: at two deviations and 64 pairs they move it by up to 3.5 points, within its interval."""

_STEPS = 80


def length_feature(differences_N: FloatArray) -> FloatArray | None:
    """Return ``tanh(Δ / std(Δ))``, shape [N]; None if all differences are equal, so that nothing can be estimated."""
    spread = differences_N.std()
    return np.tanh(differences_N / spread) if spread > 0 else None


def fit_logistic(feature_N: FloatArray, score_N: FloatArray, weights_RN: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return intercepts θ and slopes φ of weighted logistic regressions, each of shape [R].

    Newton's method (iteratively reweighted least squares) on all R problems at a time.

    Args:
        feature_N: What explains.
        score_N: 1 for a win, 0 for a loss, ½ for a tie.
        weights_RN: How often each value counts in each problem.
    """
    coefficients_RC = np.zeros((len(weights_RN), 2))
    design_NC = np.stack([np.ones_like(feature_N), feature_N], axis=1)
    products_NF = np.stack([np.ones_like(feature_N), feature_N, feature_N**2], axis=1)
    for _ in range(_STEPS):
        wins_RN = 1 / (1 + np.exp(-(coefficients_RC @ design_NC.T)))
        gradient_RC = (weights_RN * (score_N - wins_RN)) @ design_NC - _PRIOR * coefficients_RC
        step_RC = _solve((weights_RN * wins_RN * (1 - wins_RN)) @ products_NF, gradient_RC)
        coefficients_RC += np.clip(step_RC, -2, 2)  # a full step may overshoot where nearly all verdicts agree
        if np.abs(step_RC).max() < 1e-8:  # noqa: PLR2004 - float noise
            break
    return coefficients_RC[:, 0], coefficients_RC[:, 1]


def _intercept_error(
    feature_N: FloatArray, score_N: FloatArray, units_N: Sequence[Hashable], fitted: tuple[float, float]
) -> float:
    """Return the standard error of θ, in log-odds, with pairs of one unit together.

    The larger of two: what the residuals say (the sandwich of Huber and White, by unit), and what the model says of
    itself, which is wide where all verdicts agree and no residual is left.
    """
    design_NC = np.stack([np.ones_like(feature_N), feature_N], axis=1)
    wins_N = 1 / (1 + np.exp(-(design_NC @ np.array(fitted))))
    information_CC = (design_NC * (wins_N * (1 - wins_N))[:, None]).T @ design_NC + np.diag(_PRIOR)
    bread_CC = np.linalg.inv(information_CC)
    number = {unit: place for place, unit in enumerate(dict.fromkeys(units_N))}
    scores_UC = np.zeros((len(number), 2))
    np.add.at(scores_UC, [number[unit] for unit in units_N], (score_N - wins_N)[:, None] * design_NC)
    meat_CC = scores_UC.T @ scores_UC * len(number) / max(1, len(number) - 1)
    return float(np.sqrt(max((bread_CC @ meat_CC @ bread_CC)[0, 0], bread_CC[0, 0])))


def _solve(information_RF: FloatArray, gradient_RC: FloatArray) -> FloatArray:
    """Solve the symmetric 2 × 2 systems whose matrices are ``[[f₀, f₁], [f₁, f₂]]`` plus the prior."""
    first, mixed, last = information_RF[:, 0] + _PRIOR[0], information_RF[:, 1], information_RF[:, 2] + _PRIOR[1]
    determinant = first * last - mixed**2
    return np.stack(
        [
            (last * gradient_RC[:, 0] - mixed * gradient_RC[:, 1]) / determinant,
            (first * gradient_RC[:, 1] - mixed * gradient_RC[:, 0]) / determinant,
        ],
        axis=1,
    )


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
        half = student_t(units - 1) * _intercept_error(feature_N, score_N, prompts, (theta, phi))
        low, high = _percent(theta - half), _percent(theta + half)
    return LengthControlled(Estimate(mean=_percent(theta), low=low, high=high, count=units), phi)


def length_differences(pairs: Sequence[Pair]) -> FloatArray:
    """Return the characters of the model's answer minus those of the other, shape [N]."""
    return np.array([len(pair.answer.strip()) - len(pair.other.strip()) for pair in pairs], dtype=np.float64)


def _percent(log_odds: float) -> float:
    return 100 / (1 + float(np.exp(-log_odds)))


def _within(percent: float | None) -> float | None:
    return None if percent is None else min(100.0, max(0.0, percent))
