"""What holds for every preference objective without a reference model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from upo_plugins.cpo.objective import CPO
from upo_plugins.cpo.options import CPOOptions
from upo_plugins.orpo.objective import ORPO
from upo_plugins.orpo.options import ORPOOptions
from upo_plugins.sft.objective import SFT
from upo_plugins.sft.options import SFTOptions
from upo_plugins.simpo.objective import SimPO
from upo_plugins.simpo.options import SimPOOptions
from upo_sdk.objectives import PreferenceBatch, TokenLogps

if TYPE_CHECKING:
    from torch import Tensor

OBJECTIVES = {
    "simpo": SimPO(SimPOOptions()),
    "cpo": CPO(CPOOptions()),
    "cpo ipo": CPO(CPOOptions(loss_type="ipo")),
    "cpo simpo": CPO(CPOOptions(loss_type="simpo")),
    "orpo": ORPO(ORPOOptions()),
    "sft": SFT(SFTOptions()),
}

logps = st.floats(-20, 0, width=32)
pairs = st.lists(st.tuples(logps, logps, st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=4)


def batch(drawn: list[tuple[float, float, int, int]]) -> PreferenceBatch:
    """Responses of 0 to 2 tokens of one log-prob each, padded with what must never count."""
    chosen, rejected, chosen_lengths, rejected_lengths = zip(*drawn, strict=True)
    lengths_N = torch.tensor([*chosen_lengths, *rejected_lengths])
    mask_NT = torch.arange(2) < lengths_N.unsqueeze(-1)
    logps_NT = torch.tensor([*chosen, *rejected]).unsqueeze(-1).expand(-1, 2).masked_fill(~mask_NT, torch.nan)
    count = len(drawn)
    return PreferenceBatch(
        policy=TokenLogps(logps_NT.clone().requires_grad_(), mask_NT),
        reference=None,
        desirable_N=torch.arange(2 * count) < count,
        chosen_B=torch.arange(count),
        rejected_B=torch.arange(count) + count,
    )


def loss_and_gradient(objective: Any, data: PreferenceBatch) -> tuple[Tensor, Tensor]:
    loss_B = objective.loss(data).loss_B
    (gradient_NT,) = torch.autograd.grad(loss_B.sum(), data.policy.logps_NT)
    return loss_B, gradient_NT


@pytest.mark.parametrize("name", OBJECTIVES)
@given(drawn=pairs)
def test_losses_and_gradients_are_finite_even_of_empty_and_certain_responses(
    name: str, drawn: list[tuple[float, float, int, int]]
) -> None:
    data = batch(drawn)
    loss_B, gradient_NT = loss_and_gradient(OBJECTIVES[name], data)
    assert loss_B.shape == (len(drawn),)
    assert loss_B.isfinite().all()
    assert gradient_NT.isfinite().all()
    assert (gradient_NT[~data.policy.mask_NT] == 0).all()


@pytest.mark.parametrize("name", OBJECTIVES)
@given(drawn=pairs)
def test_a_pair_does_not_depend_on_its_neighbours(name: str, drawn: list[tuple[float, float, int, int]]) -> None:
    together_B, _ = loss_and_gradient(OBJECTIVES[name], batch(drawn))
    alone_B = torch.cat([loss_and_gradient(OBJECTIVES[name], batch([pair]))[0] for pair in drawn])
    torch.testing.assert_close(together_B, alone_B)


@pytest.mark.parametrize("name", OBJECTIVES)
@given(logp=st.floats(-5, -0.1))
def test_of_equal_responses_the_chosen_goes_up_and_the_rejected_does_not(name: str, logp: float) -> None:
    _, gradient_NT = loss_and_gradient(OBJECTIVES[name], batch([(logp, logp, 2, 2)]))
    assert (gradient_NT[0] < 0).all()
    assert (gradient_NT[1] >= 0).all()
