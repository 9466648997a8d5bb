"""From outcomes of pairs to rates with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.judge.length import fit_logistic, length_feature
from upo_sdk.statistics import Estimate, percentile_interval, resampled_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from upo_sdk.judge.questions import Pair

    FloatArray = npt.NDArray[np.float64]

__all__ = ["LengthControlled", "length_controlled", "length_differences", "win_rate"]

_REFITS = 500


@dataclass(frozen=True, slots=True)
class LengthControlled:
    """The win rate at equal length.

    Attributes:
        rate: In percent.
        effect: Coefficient of length, in log-odds.
    """

    rate: Estimate
    effect: float


def win_rate(score_N: FloatArray, prompts: Sequence[str], *, seed: int) -> Estimate | None:
    """Return the mean of wins (1), ties (½) and losses (0) in percent; None without pairs."""
    if not len(score_N):
        return None
    means = [part @ score_N / part.sum(axis=1) for part in resampled_weights(prompts, seed=seed)]
    low, high = percentile_interval(np.concatenate(means))
    return Estimate(mean=100 * float(score_N.mean()), low=100 * low, high=100 * high, count=len(set(prompts)))


def length_controlled(
    score_N: FloatArray, differences_N: FloatArray, prompts: Sequence[str], *, seed: int
) -> LengthControlled | None:
    """Return the win rate that a logistic regression gives answers of equal length.

    None if all differences are alike: then nothing tells length from quality. The feature is standardised once, by all
    pairs, and the regression is fitted anew to every resample.
    """
    feature_N = length_feature(differences_N) if len(score_N) else None
    if feature_N is None:
        return None
    theta, phi = fit_logistic(feature_N, score_N, np.ones((1, len(score_N))))
    parts = resampled_weights(prompts, seed=seed, resamples=_REFITS)
    resampled = [fit_logistic(feature_N, score_N, part)[0] for part in parts]
    low, high = percentile_interval(np.concatenate(resampled))
    rate = Estimate(mean=_percent(float(theta[0])), low=_percent(low), high=_percent(high), count=len(set(prompts)))
    return LengthControlled(rate, float(phi[0]))


def length_differences(pairs: Sequence[Pair]) -> FloatArray:
    """Return the characters of the model's answer minus those of the other, shape [N]."""
    return np.array([len(pair.answer.strip()) - len(pair.other.strip()) for pair in pairs], dtype=np.float64)


def _percent(log_odds: float) -> float:
    return 100 / (1 + float(np.exp(-log_odds)))
