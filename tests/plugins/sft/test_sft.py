"""The ``sft`` objective against hand-worked numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from upo_plugins.sft.objective import SFT, likelihood_loss
from upo_plugins.sft.options import SFTOptions
from upo_sdk.objectives import Needs, PreferenceObjective

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.objectives import PreferenceBatch

    Batches = Callable[..., PreferenceBatch]


def test_it_satisfies_the_protocol_and_takes_any_data() -> None:
    objective = SFT(SFTOptions())
    assert isinstance(objective, PreferenceObjective)
    assert objective.needs == Needs()
    assert SFT(SFTOptions(average="batch")).needs == Needs(batch_statistic=True)


def test_of_a_pair_only_the_chosen_response_counts_by_its_mean(free_pairs: Batches) -> None:
    batch = free_pairs([[-1, -3], [-5]], [[-9], [-9, -9]])
    assert SFT(SFTOptions()).loss(batch).loss_B.tolist() == [2, 5]


def test_over_the_batch_every_token_counts_alike(free_pairs: Batches) -> None:
    batch = free_pairs([[-1, -3], [-5]], [[-9], [-9, -9]])
    loss_B = SFT(SFTOptions(average="batch")).loss(batch).loss_B
    assert loss_B.mean().item() == pytest.approx(3)  # (1 + 3 + 5) / 3 tokens


def test_of_single_completions_only_the_desirable_ones_count(singles: Batches) -> None:
    batch = singles([[-1, -3], [-7], [-4]], [True, False, True])
    assert SFT(SFTOptions()).loss(batch).loss_B.tolist() == [2, 0, 4]
    assert SFT(SFTOptions(average="batch")).loss(batch).loss_B.mean().item() == pytest.approx(8 / 3)


def test_the_gradient_reaches_the_tokens_of_good_responses_alone(free_pairs: Batches) -> None:
    batch = free_pairs([[-1, -3]], [[-9]])
    (gradient_NT,) = torch.autograd.grad(SFT(SFTOptions()).loss(batch).loss_B.sum(), batch.policy.logps_NT)
    assert gradient_NT.tolist() == [[-0.5, -0.5], [0, 0]]


@pytest.mark.parametrize("average", ["response", "batch"])
def test_an_empty_response_costs_nothing(average: str) -> None:
    assert likelihood_loss(torch.zeros(2), torch.zeros(2, dtype=torch.long), average).tolist() == [0, 0]  # type: ignore[arg-type]
