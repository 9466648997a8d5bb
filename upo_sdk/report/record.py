"""What a run writes for its report, beyond metrics and manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.data.lengths import row_lengths
from upo_sdk.report.distributions import DISTRIBUTIONS_FILE, Rewards, describe_distributions
from upo_sdk.report.samples import SAMPLES_FILE, samples_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.training import RunFolder, ScoredAnswers, Split

__all__ = ["record_for_report"]


def record_for_report(
    folder: RunFolder,
    auxiliary: Sequence[LiveObjective],
    train: Split,
    advantage_weights: Sequence[float],
    answers: tuple[ScoredAnswers | None, ScoredAnswers | None],
) -> None:
    """Write the distributions of a run and, if both are there, its answers before and after."""
    before, after = answers
    if before and after:
        folder.write(SAMPLES_FILE, samples_of(before, after))
    rewards = [
        Rewards(label=item.label, weight=item.weight, normalize=item.ref.normalize, values_N=values)
        for item, values in zip(auxiliary, train.rewards, strict=True)
    ]
    described = describe_distributions(rewards, row_lengths(train.dataset)[2], np.array(advantage_weights, dtype=float))
    folder.write(DISTRIBUTIONS_FILE, described.model_dump_json(indent=1) + "\n")
