"""The ``orpo`` objective against hand-worked numbers."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from upo_plugins.orpo.objective import ORPO, log_odds, odds_ratio_loss
from upo_plugins.orpo.options import ORPOOptions
from upo_sdk.objectives import Needs, PreferenceObjective

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.objectives import PreferenceBatch

    Batches = Callable[..., PreferenceBatch]

HALF, QUARTER = math.log(0.5), math.log(0.25)


def test_it_satisfies_the_protocol_and_needs_pairs_but_no_reference() -> None:
    objective = ORPO(ORPOOptions())
    assert isinstance(objective, PreferenceObjective)
    assert objective.needs == Needs(pairs=True)
    assert ORPO(ORPOOptions(average="batch")).needs == Needs(pairs=True, batch_statistic=True)


def test_the_loss_is_the_likelihood_plus_the_odds_ratio(free_pairs: Batches) -> None:
    # Odds 1 and 1/3: −log σ(log 3) = log(4/3); mean of the chosen log 2
    result = ORPO(ORPOOptions(beta=0.5)).loss(free_pairs([[HALF, HALF]], [[QUARTER]]))
    assert result.loss_B.tolist() == pytest.approx([math.log(2) + 0.5 * math.log(4 / 3)])
    assert result.metrics["orpo/odds_ratio"].item() == pytest.approx(math.log(4 / 3))
    assert result.metrics["orpo/likelihood"].item() == pytest.approx(math.log(2))


def test_the_likelihood_may_be_averaged_over_the_batch(free_pairs: Batches) -> None:
    batch = free_pairs([[-1, -3], [-5]], [[-4], [-5]])
    loss_B = ORPO(ORPOOptions(average="batch", beta=0)).loss(batch).loss_B
    assert loss_B.mean().item() == pytest.approx(3)


@given(st.floats(0.01, 0.99))
def test_the_log_odds_are_those_of_the_probability(probability: float) -> None:
    found = log_odds(torch.tensor([math.log(probability)], dtype=torch.float64))
    assert found.item() == pytest.approx(math.log(probability / (1 - probability)), abs=1e-9)


@pytest.mark.parametrize("mean", [0.0, -1e-9, -1e-4, -50.0, -5e3])
def test_certain_and_impossible_responses_stay_finite(mean: float) -> None:
    means = torch.tensor([mean, -1.0], requires_grad=True)
    loss = odds_ratio_loss(means[:1], means[1:])
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.isfinite()
    assert means.grad is not None
    assert means.grad.isfinite().all()


def test_the_gradient_pushes_the_chosen_up_and_the_rejected_down(free_pairs: Batches) -> None:
    batch = free_pairs([[-1, -3]], [[-2]])
    (gradient_NT,) = torch.autograd.grad(ORPO(ORPOOptions()).loss(batch).loss_B.sum(), batch.policy.logps_NT)
    assert (gradient_NT[0] < 0).all()
    assert gradient_NT[1, 0] > 0
    assert gradient_NT[1, 1] == 0
