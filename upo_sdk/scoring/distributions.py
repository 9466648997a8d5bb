"""Summaries of rewards, lengths and advantage weights over the training completions of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.records import (
    AdvantageWeights,
    DistributionsRecord,
    Histogram,
    LengthBin,
    RewardDistribution,
    ScoreStatistics,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.arrays import FloatArray, IntArray

__all__ = ["Rewards", "describe_distributions", "describe_scores", "histogram"]

_BINS = 30
_LENGTH_BINS = 10
_FLAT = 1e-9
"""Below it a spread is float noise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewards:
    """The rewards ``values_N`` of one auxiliary objective and how they enter the loss."""

    label: str
    weight: float
    normalize: str
    values_N: FloatArray


def describe_distributions(
    rewards: Sequence[Rewards], tokens_N: IntArray, weights_N: FloatArray
) -> DistributionsRecord:
    """Summarise a run's training completions.

    Args:
        rewards: One per auxiliary objective.
        tokens_N: Tokens of every training completion.
        weights_N: The advantage weights of the last logging interval, of any number; empty without auxiliary objective.
    """
    total_N = np.sum([item.weight * item.values_N for item in rewards], axis=0) if rewards else np.zeros(len(tokens_N))
    return DistributionsRecord(
        completions=len(tokens_N),
        tokens=histogram(tokens_N.astype(float)),
        rewards=tuple(_describe(item, tokens_N, total_N) for item in rewards),
        advantage_weights=_describe_weights(weights_N) if len(weights_N) else None,
    )


def _describe(item: Rewards, tokens_N: IntArray, total_N: FloatArray) -> RewardDistribution:
    values_N = item.values_N
    return RewardDistribution(
        label=item.label,
        weight=item.weight,
        normalize=item.normalize,
        mean=float(values_N.mean()),
        std=float(values_N.std()),
        histogram=histogram(values_N),
        by_length=_by_length(values_N, tokens_N),
        correlation_length=_correlation(values_N, tokens_N.astype(float)),
        variance_share=_variance_share(item.weight * values_N, total_N),
    )


def _describe_weights(weights_N: FloatArray) -> AdvantageWeights:
    weights_N = weights_N.astype(float)
    heaviest = np.sort(weights_N)[::-1][: max(1, len(weights_N) // 10)]
    return AdvantageWeights(
        count=len(weights_N),
        mean=float(weights_N.mean()),
        ess=float(weights_N.sum() ** 2 / np.square(weights_N).sum() / len(weights_N)),
        top_share=float(heaviest.sum() / weights_N.sum()),
        histogram=histogram(np.log10(weights_N)),
    )


def histogram(values_N: FloatArray, bins: int = _BINS) -> Histogram:
    """Count values in at most so many bins of equal width; bins of whole numbers hold whole numbers."""
    if np.all(values_N == np.round(values_N)):  # whole numbers get bins of whole numbers, or some would be empty
        low, high = int(values_N.min()), int(values_N.max())
        width = -(-(high - low + 1) // bins)
        edges = np.arange(low, high + width + 1, width) - 0.5
    else:
        edges = np.histogram_bin_edges(values_N, bins=bins)
    counts, _ = np.histogram(values_N, bins=edges)
    return Histogram(edges=tuple(map(float, edges)), counts=tuple(map(int, counts)))


def _by_length(values_N: FloatArray, tokens_N: IntArray) -> tuple[LengthBin, ...]:
    """Cut at the deciles of the length, so that every bin has about as many responses."""
    inner = np.unique(np.quantile(tokens_N, np.linspace(0, 1, _LENGTH_BINS + 1)[1:-1], method="inverted_cdf"))
    bin_N = np.searchsorted(inner, tokens_N, side="left")
    return tuple(
        LengthBin(
            low=int(tokens_N[inside_N].min()),
            high=int(tokens_N[inside_N].max()),
            count=int(inside_N.sum()),
            mean=float(values_N[inside_N].mean()),
        )
        for number in range(len(inner) + 1)
        if (inside_N := bin_N == number).any()
    )


def _correlation(first: FloatArray, second: FloatArray) -> float | None:
    if np.ptp(first) < _FLAT or np.ptp(second) < _FLAT:
        return None
    return float(np.corrcoef(first, second)[0, 1])


def _variance_share(part_N: FloatArray, total_N: FloatArray) -> float | None:
    if np.ptp(total_N) < _FLAT:
        return None
    return float(np.cov(part_N, total_N, bias=True)[0, 1] / total_N.var())


def describe_scores(label: str, rewards: FloatArray, lengths: FloatArray, desirable: FloatArray) -> ScoreStatistics:
    """Summarise rewards and their correlations with the responses' lengths and with being desirable (0 or 1)."""
    low, high = float(rewards.min()), float(rewards.max())
    return ScoreStatistics(
        label=label,
        count=len(rewards),
        mean=float(rewards.mean()),
        std=float(rewards.std()),
        minimum=low,
        maximum=high,
        at_low=float(np.mean(rewards == low)),
        at_high=float(np.mean(rewards == high)),
        correlation_length=_correlation(rewards, lengths),
        correlation_chosen=_correlation(rewards, desirable),
    )
