"""The ``simpo`` objective against hand-worked numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from pydantic import ValidationError

from upo_plugins.simpo.objective import SimPO
from upo_plugins.simpo.options import SimPOOptions
from upo_sdk.objectives import Needs, PreferenceObjective

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.objectives import PreferenceBatch

    Batches = Callable[..., PreferenceBatch]


def test_it_satisfies_the_protocol_and_needs_pairs_but_no_reference() -> None:
    objective = SimPO(SimPOOptions())
    assert isinstance(objective, PreferenceObjective)
    assert objective.needs == Needs(pairs=True)


def test_the_loss_is_that_of_the_means_beyond_a_margin(free_pairs: Batches) -> None:
    # Means −2 and −2.5: 2·.5 − .5 = .5; −log σ(.5)
    batch = free_pairs([[-1, -3]], [[-2.5]])
    assert SimPO(SimPOOptions()).loss(batch).loss_B.tolist() == pytest.approx([0.47407698])
    # Without a margin 2·.5 = 1; −log σ(1)
    assert SimPO(SimPOOptions(gamma=0)).loss(batch).loss_B.tolist() == pytest.approx([0.31326169])


def test_labels_may_be_smoothed(free_pairs: Batches) -> None:
    # .9·.47407698 + .1·.97407698
    loss_B = SimPO(SimPOOptions(label_smoothing=0.1)).loss(free_pairs([[-1, -3]], [[-2.5]])).loss_B
    assert loss_B.tolist() == pytest.approx([0.52407698])


def test_a_longer_response_of_the_same_mean_costs_the_same(free_pairs: Batches) -> None:
    batch = free_pairs([[-1], [-1, -1, -1]], [[-2], [-2]])
    first, second = SimPO(SimPOOptions()).loss(batch).loss_B.tolist()
    assert first == pytest.approx(second)


def test_the_gradient_pushes_chosen_tokens_up_and_rejected_ones_down(free_pairs: Batches) -> None:
    batch = free_pairs([[-1, -3]], [[-2]])
    (gradient_NT,) = torch.autograd.grad(SimPO(SimPOOptions()).loss(batch).loss_B.sum(), batch.policy.logps_NT)
    # Equal means: slope −β·σ(γ) = −2·.62245933, shared by two tokens and one
    assert gradient_NT.flatten().tolist() == pytest.approx([-0.62245933, -0.62245933, 1.24491866, 0])


@pytest.mark.parametrize("values", [{"beta": 0}, {"gamma": -1}, {"label_smoothing": 0.5}, {"simpo_gamma": 1}])
def test_a_wrong_option_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SimPOOptions.model_validate(values)
