"""What came out of scoring a corpus: how the rewards are distributed, and what was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.records import Histogram
from upo_sdk.records.base import Record
from upo_sdk.scoring.distributions import histogram

if TYPE_CHECKING:
    from upo_sdk.arrays import FloatArray
    from upo_sdk.cache import Filled

__all__ = ["DroppedRows", "RewardSummary", "ScoredCorpus", "summarize"]

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BINS = 10


class RewardSummary(Record):
    """The rewards of one objective over all completions that were scored, before any row is left out.

    Attributes:
        column: Where the rows have them.
        quantiles: The reward by the share of completions that have at most as much: 0 is the lowest, 1 the highest.
        cached: Distinct completions whose rewards were known.
        computed: Distinct completions that were scored now.
    """

    label: str
    column: str
    count: int
    mean: float
    std: float
    quantiles: dict[float, float]
    histogram: Histogram
    cached: int
    computed: int


class DroppedRows(Record):
    """Rows that are not written, by the reason; each row counts once.

    Attributes:
        bad: They cannot be used, and ``data.on_bad_rows`` is ``drop``.
        keep: A condition does not hold.
        best_of: Another row with the same prompt is better.
    """

    bad: int = 0
    keep: int = 0
    best_of: int = 0


class ScoredCorpus(Record):
    """What :func:`score` did.

    Attributes:
        rows: How many were scored.
        written: How many the output has.
    """

    output: Path
    rows: int
    written: int
    dropped: DroppedRows
    rewards: tuple[RewardSummary, ...]


def summarize(label: str, column: str, rewards_N: FloatArray, filled: Filled) -> RewardSummary:
    """Summarise the rewards of one objective."""
    return RewardSummary(
        label=label,
        column=column,
        count=len(rewards_N),
        mean=float(rewards_N.mean()),
        std=float(rewards_N.std()),
        quantiles=dict(zip(_QUANTILES, np.quantile(rewards_N, _QUANTILES).tolist(), strict=True)),
        histogram=histogram(rewards_N, _BINS),
        cached=filled.found,
        computed=filled.computed,
    )
