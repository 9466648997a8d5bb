"""``distributions.json``: how the rewards, their lengths and the advantage weights of a run are distributed."""

from __future__ import annotations

from typing import ClassVar, Literal

from upo_sdk.records.base import FileRecord, Record

__all__ = ["AdvantageWeights", "DistributionsRecord", "Histogram", "LengthBin", "RewardDistribution"]

_HEADROOM = 0.01


class Histogram(Record):
    """Counts between neighbouring edges; one edge more than counts."""

    edges: tuple[float, ...]
    counts: tuple[int, ...]


class LengthBin(Record):
    """The mean reward of the responses with ``low`` to ``high`` tokens."""

    low: int
    high: int
    count: int
    mean: float


class RewardDistribution(Record):
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


class AdvantageWeights(Record):
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


class DistributionsRecord(FileRecord):
    """How the training completions of a run are distributed."""

    FILE: ClassVar[str] = "distributions.json"
    MISSING: ClassVar[tuple[str, str]] = ("the folder holds no distributions", "finish the run")

    schema_version: Literal[1] = 1
    completions: int
    tokens: Histogram
    rewards: tuple[RewardDistribution, ...]
    advantage_weights: AdvantageWeights | None
