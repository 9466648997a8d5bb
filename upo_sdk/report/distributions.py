"""``distributions.json``: how the rewards, their lengths and the advantage weights of a run are distributed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.arrays import FloatArray, IntArray


__all__ = [
    "DISTRIBUTIONS_FILE",
    "AdvantageWeights",
    "Distributions",
    "Histogram",
    "LengthBin",
    "RewardDistribution",
    "Rewards",
    "describe_distributions",
]

DISTRIBUTIONS_FILE = "distributions.json"

_BINS = 30
_LENGTH_BINS = 10
_HEADROOM = 0.01
_FLAT = 1e-9  # below it a spread is float noise


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True)


class Histogram(_Record):
    """Counts between neighbouring edges; one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class LengthBin(_Record):
    """The mean reward of the responses with ``low`` to ``high`` tokens."""

    low: int
    high: int
    count: int
    mean: float


class RewardDistribution(_Record):
    """One auxiliary objective's rewards over the training completions, as they enter the loss.

    Attributes:
        normalize: How they were normalised, or ``none``.
        variance_share: Share of the weighted sum ``R = Σ w_k r_k``: ``Cov(w_k r_k, R) / Var(R)``. The shares add up to
            1; a negative one works against the sum. None where ``R`` does not vary.
        correlation_length: Pearson correlation with the tokens of the response; None where either does not vary.
    """

    label: str
    weight: float
    normalize: str
    mean: float
    std: float
    histogram: Histogram
    by_length: tuple[LengthBin, ...]
    correlation_length: float | None
    variance_share: float | None

    @property
    def at_ceiling(self) -> bool:
        """Whether the mean is as good as the highest reward."""
        highest = self.histogram.edges[-1]
        return highest - self.mean <= _HEADROOM * max(1.0, abs(highest))


class AdvantageWeights(_Record):
    """The weights ``exp(λA)`` in the last logging interval, of one process.

    Attributes:
        ess: Effective sample size ``(Σw)² / Σw²`` as a share of the completions.
        top_share: Share of the sum of all weights that the heaviest tenth of the completions carries.
        histogram: Of ``log10`` of the weights.
    """

    count: int
    mean: float
    ess: float
    top_share: float
    histogram: Histogram


class Distributions(_Record):
    """Everything in ``distributions.json``."""

    schema_version: int = 1
    completions: int
    tokens: Histogram
    rewards: tuple[RewardDistribution, ...]
    advantage_weights: AdvantageWeights | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rewards:
    """The rewards ``values_N`` of one auxiliary objective and how they enter the loss."""

    label: str
    weight: float
    normalize: str
    values_N: FloatArray


def describe_distributions(rewards: Sequence[Rewards], tokens_N: IntArray, weights_N: FloatArray) -> Distributions:
    """Summarise a run's training completions.

    Args:
        rewards: One per auxiliary objective.
        tokens_N: Tokens of every training completion.
        weights_N: The advantage weights of the last logging interval, of any number; empty without auxiliary objective.
    """
    total_N = np.sum([item.weight * item.values_N for item in rewards], axis=0) if rewards else np.zeros(len(tokens_N))
    return Distributions(
        completions=len(tokens_N),
        tokens=_histogram(tokens_N.astype(float)),
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
        histogram=_histogram(values_N),
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
        histogram=_histogram(np.log10(weights_N)),
    )


def _histogram(values_N: FloatArray) -> Histogram:
    if np.all(values_N == np.round(values_N)):  # whole numbers get bins of whole numbers, or some would be empty
        low, high = int(values_N.min()), int(values_N.max())
        width = -(-(high - low + 1) // _BINS)
        edges = np.arange(low, high + width + 1, width) - 0.5
    else:
        edges = np.histogram_bin_edges(values_N, bins=_BINS)
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
