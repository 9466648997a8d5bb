"""Metrics are means over rows, whatever batches the rows came in."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from upo_sdk.loss import UnifiedOutput
from upo_sdk.objectives import PreferenceBatch, TokenLogps
from upo_sdk.training.metrics import MetricBuffer
from upo_sdk.training.step import preference_metrics


def output(loss: float = 0.0, weights: list[float] | None = None, **counts: Any) -> UnifiedOutput:
    """Return what a loss returns; of every metric its value and, if it has its own, its count."""
    zero = torch.zeros(())
    return UnifiedOutput(
        torch.tensor(loss),
        zero,
        zero,
        None if weights is None else torch.tensor(weights),
        {name: torch.tensor(value) for name, (value, _) in counts.items()},
        counts={name: count for name, (_, count) in counts.items() if count is not None},
    )


def test_a_last_batch_of_one_pair_counts_as_one_pair() -> None:
    """Twelve pairs with .5 right and one with none: 6 of 13, not the mean of the two batches."""
    buffer = MetricBuffer()
    buffer.add(output(1.0, **{"rewards/accuracies": (0.5, 12)}), rows=12)
    buffer.add(output(0.0, **{"rewards/accuracies": (0.0, 1)}), rows=1)
    found = buffer.flush()
    assert found["rewards/accuracies"] == pytest.approx(6 / 13)
    assert found["rewards/pairs"] == 13
    assert found["loss"] == pytest.approx(12 / 13)


def test_losses_are_means_by_weight_and_a_metric_that_is_missing_counts_nowhere() -> None:
    buffer = MetricBuffer()
    buffer.add(
        output(1.0, **{"objective/dpo/loss": (1.0, None), "rewards/rejected": (float("nan"), 0)}), rows=2, weight=6
    )
    buffer.add(output(0.0, **{"objective/dpo/loss": (0.0, None), "rewards/rejected": (3.0, 2)}), rows=2, weight=2)
    found = buffer.flush()
    assert found["objective/dpo/loss"] == found["loss"] == pytest.approx(0.75)
    assert found["rewards/rejected"] == 3.0


def test_two_ranks_together_have_the_mean_over_all_rows_and_one_effective_sample_size() -> None:
    """Rank 0: three pairs, all right, weights 1 and 1. Rank 1: one pair, wrong, weight 4. (1 + 1 + 4)² / (18 · 3)."""
    kept = list[torch.Tensor]()
    for pairs, share, weights in ((3, 1.0, [1.0, 1.0]), (1, 0.0, [4.0])):
        buffer = MetricBuffer()
        buffer.add(output(0.0, weights, **{"rewards/accuracies": (share, pairs)}), rows=pairs)
        buffer.flush(lambda sums: kept.append(sums) or sums)  # type: ignore[func-returns-value]
    buffer = MetricBuffer()
    buffer.add(output(0.0, [1.0], **{"rewards/accuracies": (1.0, 3)}), rows=3)
    found = buffer.flush(lambda _: (kept[0] + kept[1]) / 2, ranks=2)
    assert found["rewards/accuracies"] == pytest.approx(0.75)
    assert found["rewards/pairs"] == 4
    assert found["advantage/ess"] == pytest.approx(36 / 54)


def test_before_the_first_step_every_pair_is_a_tie_and_half_are_right() -> None:
    logps = TokenLogps(torch.full((4, 3), -1.0), torch.ones(4, 3, dtype=torch.bool))
    index = torch.tensor([0, 2])
    batch = PreferenceBatch(
        policy=logps,
        reference=logps,
        desirable_N=torch.tensor([True, False, True, False]),
        chosen_B=index,
        rejected_B=index + 1,
    )
    assert float(preference_metrics(batch, 0.1)["rewards/accuracies"]) == 0.5
