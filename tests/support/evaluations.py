"""Evaluations worked out from rewards, as the end of a run records them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.evaluation.paired_statistic import PairedStatistic, metrics_of_both
from upo_sdk.records import DataDescription, EvaluationRecord, Metric, ModelIdentity
from upo_sdk.statistics import Sums

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

__all__ = ["evaluation_of", "reward_metric"]


def reward_metric(before: npt.NDArray[np.float64], after: npt.NDArray[np.float64]) -> Metric:
    """Return the mean reward of answers to the same prompts, one each."""
    statistic = PairedStatistic(
        name="reward/x",
        model=Sums.grouped(after, 1),
        baseline=Sums.grouped(before, 1),
        better="higher",
        unit="reward",
        highest=float(max(before.max(), after.max())),
    )
    return metrics_of_both([statistic])["reward/x"]


def evaluation_of(**rewards: Metric) -> EvaluationRecord:
    """Return an evaluation with these rewards, by label."""
    return EvaluationRecord(
        created="2026-01-01T10:01:00+00:00",
        model=ModelIdentity(path="run", weights_sha256="a" * 64),
        baseline=ModelIdentity(path="base", weights_sha256="b" * 64),
        data=DataDescription(description="12 pairs", fingerprint="c" * 64, split="held-out"),
        seed=42,
        num_samples=1,
        prompts=next((metric.value.count for metric in rewards.values()), 0),
        metrics={f"reward/{label}": metric for label, metric in rewards.items()},
    )
