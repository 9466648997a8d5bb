"""The distribution of an objective's rewards, so that a useless one is seen before training."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.records import ScoreStatistics

if TYPE_CHECKING:
    from upo_sdk.arrays import FloatArray

__all__ = ["describe_scores"]


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


def _correlation(first: FloatArray, second: FloatArray) -> float | None:
    if np.ptp(first) < 1e-9 or np.ptp(second) < 1e-9:  # noqa: PLR2004 - float noise
        return None
    return float(np.corrcoef(first, second)[0, 1])
