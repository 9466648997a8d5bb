"""The ``kto`` objective against hand-worked numbers."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import Tensor

from upo_plugins.kto.objective import KTO, kto_loss
from upo_plugins.kto.options import KTOOptions
from upo_sdk.objectives import Needs, PreferenceBatch, PreferenceObjective, TokenLogps

EXTREMES = (math.inf, -math.inf, math.nan, 1e9, -1e9)
LABELS_N = torch.tensor([True, False])


def batch(
    policy_NT: Tensor, reference_NT: Tensor, kl: float = 0.0, *, labels_N: Tensor = LABELS_N, mask_NT: Any = None
) -> PreferenceBatch:
    mask_NT = torch.ones(policy_NT.shape, dtype=torch.bool) if mask_NT is None else mask_NT
    policy, reference = TokenLogps(policy_NT, mask_NT), TokenLogps(reference_NT, mask_NT)
    return PreferenceBatch(policy, reference, labels_N, kl=torch.tensor(kl))


def loss_N(data: PreferenceBatch, **options: Any) -> Tensor:
    return KTO(KTOOptions(**options)).loss(data).loss_B


def golden(policy_NT: Tensor | None = None) -> PreferenceBatch:
    policy_NT = torch.tensor([[-10.0], [-12.0]]) if policy_NT is None else policy_NT
    return batch(policy_NT, torch.tensor([[-11.0], [-11.5]]), kl=0.2)


def gradient(policy_NT: Tensor, losses_N: Tensor) -> Tensor:
    losses_N.sum().backward()  # type: ignore[no-untyped-call]
    assert policy_NT.grad is not None
    return policy_NT.grad


def test_it_satisfies_the_protocol_and_needs_a_reference_and_the_kl() -> None:
    objective = KTO(KTOOptions())
    assert isinstance(objective, PreferenceObjective)
    assert objective.needs == Needs(reference=True, kl=True)


def test_apo_zero_measures_from_zero_and_needs_no_kl() -> None:
    objective = KTO(KTOOptions(loss_type="apo_zero_unpaired"))
    result = objective.loss(PreferenceBatch(golden().policy, golden().reference, LABELS_N))
    assert objective.needs == Needs(reference=True)
    # 1 − σ(.1·1) and σ(.1·(−.5))
    assert result.loss_B.tolist() == pytest.approx([0.47502081, 0.48750260])
    assert result.metrics == {}


def test_the_golden_numbers_of_the_method() -> None:
    # 1 − σ(.1·(1 − .2)) and 1 − σ(.1·(.2 + .5))
    assert loss_N(golden()).tolist() == pytest.approx([0.48001066, 0.48250714])


def test_a_policy_that_is_its_reference_costs_a_half_with_a_gradient_of_a_quarter_of_beta() -> None:
    policy_NT = torch.tensor([[-10.0], [-12.0]], requires_grad=True)
    losses_N = loss_N(batch(policy_NT, policy_NT.detach()), beta=0.1)
    assert losses_N.tolist() == [0.5, 0.5]
    assert gradient(policy_NT, losses_N).flatten().tolist() == pytest.approx([-0.025, 0.025])


def test_every_token_of_a_response_receives_the_gradient_of_their_sum() -> None:
    policy_NT = torch.tensor([[-1.0, -2.0, -3.0], [-3.0, -2.0, -1.0]], requires_grad=True)
    got_NT = gradient(policy_NT, loss_N(batch(policy_NT, policy_NT.detach()), beta=0.4))
    torch.testing.assert_close(got_NT, torch.tensor([[-0.1] * 3, [0.1] * 3]))


def test_weights_multiply_the_losses_of_their_own_label() -> None:
    losses_N = loss_N(golden(), desirable_weight=2.0, undesirable_weight=0.5)
    assert losses_N.tolist() == pytest.approx([0.96002132, 0.24125357])
    assert loss_N(golden(), undesirable_weight=0.0).tolist() == pytest.approx([0.48001066, 0])


@pytest.mark.parametrize("kl", [0.0, 0.2, 3.0])
def test_the_gradient_pushes_the_desirable_up_and_the_undesirable_down(kl: float) -> None:
    policy_NT = torch.tensor([[-2.0, -1.0], [-2.5, -1.0]], requires_grad=True)
    data = batch(policy_NT, torch.tensor([[-2.2, -1.0], [-2.0, -1.0]]), kl)
    descent_NT = -gradient(policy_NT, loss_N(data))
    assert (descent_NT[0] > 0).all()
    assert (descent_NT[1] < 0).all()


def test_a_larger_kl_makes_desirable_responses_costlier_and_undesirable_ones_cheaper() -> None:
    logps_NT = torch.tensor([[-10.0], [-12.0]])
    low, high = (loss_N(batch(logps_NT, logps_NT, kl)) for kl in (0.1, 5.0))
    assert high[0] > low[0]
    assert high[1] < low[1]


def test_the_kl_is_reported_and_receives_no_gradient() -> None:
    kl = torch.tensor(0.2)
    logps = TokenLogps(torch.tensor([[-1.0]], requires_grad=True), torch.tensor([[True]]))
    result = KTO(KTOOptions()).loss(PreferenceBatch(logps, logps, torch.tensor([True]), kl=kl))
    assert set(result.metrics) == {"kto/kl"}
    assert result.metrics["kto/kl"].item() == pytest.approx(0.2)
    assert not result.metrics["kto/kl"].requires_grad


@pytest.mark.parametrize("extreme", EXTREMES)
def test_masked_positions_change_neither_loss_nor_gradient(extreme: float) -> None:
    generator = torch.Generator().manual_seed(0)
    mask_NT = torch.tensor([[1, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=torch.bool)
    labels_N = torch.tensor([True, False, True])
    policy_NT, reference_NT = -torch.rand(2, 3, 3, generator=generator)

    def losses_and_gradient(fill: float) -> tuple[Tensor, Tensor]:
        leaf_NT = policy_NT.masked_fill(~mask_NT, fill).requires_grad_()
        reference = reference_NT.masked_fill(~mask_NT, fill)
        losses_N = loss_N(batch(leaf_NT, reference, 0.3, labels_N=labels_N, mask_NT=mask_NT))
        return losses_N.detach(), gradient(leaf_NT, losses_N)

    plain, planted = losses_and_gradient(0.0), losses_and_gradient(extreme)
    assert torch.equal(plain[0], planted[0])
    assert torch.equal(plain[1], planted[1])
    assert (planted[1][~mask_NT] == 0).all()


def test_a_completion_does_not_depend_on_its_neighbours_at_a_given_kl() -> None:
    policy_NT, reference_NT = -torch.rand(2, 4, 3)
    labels_N = torch.tensor([True, False, False, True])
    together_N = loss_N(batch(policy_NT, reference_NT, 0.3, labels_N=labels_N))
    for row in range(4):
        one = slice(row, row + 1)
        alone_N = loss_N(batch(policy_NT[one], reference_NT[one], 0.3, labels_N=labels_N[one]))
        torch.testing.assert_close(alone_N, together_N[one])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_keeps_the_type_of_the_log_probs(dtype: torch.dtype) -> None:
    logps_NT = torch.tensor([[-10.0], [-12.0]], dtype=dtype)
    assert loss_N(batch(logps_NT, logps_NT)).dtype == dtype


@given(st.floats(-50, 50), st.floats(0, 20), st.floats(0.01, 2), st.booleans())
def test_the_pure_function_equals_its_formula_and_is_bounded(
    log_ratio: float,
    kl: float,
    beta: float,
    desirable: bool,  # noqa: FBT001 - a drawn value
) -> None:
    gain = beta * (log_ratio - kl if desirable else kl - log_ratio)
    ratio_N, z = torch.tensor([log_ratio], dtype=torch.float64), torch.tensor(kl, dtype=torch.float64)
    loss = kto_loss(ratio_N, torch.tensor([desirable]), z, beta).item()
    assert loss == pytest.approx(1 - 1 / (1 + math.exp(-gain)), abs=1e-12)
    assert 0 <= loss <= 1


def test_options_survive_a_round_trip() -> None:
    options = KTOOptions(beta=0.3, desirable_weight=1.33, undesirable_weight=0.0)
    assert KTOOptions.model_validate(options.model_dump()) == options


@pytest.mark.parametrize("values", [{"betta": 1}, {"beta": 0}, {"desirable_weight": -1}, {"undesirable_weight": -0.1}])
def test_a_wrong_option_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        KTOOptions.model_validate(values)


def test_neither_the_hook_nor_the_options_import_torch() -> None:
    code = "import sys, upo_plugins.kto, upo_plugins.kto.options; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_weights_and_beta_keep_double_precision() -> None:
    policy_NT = torch.tensor([[-10.0], [-12.0]], dtype=torch.float64)
    reference_NT = torch.tensor([[-11.0], [-11.5]], dtype=torch.float64)
    losses_N = loss_N(batch(policy_NT, reference_NT), desirable_weight=1.33, undesirable_weight=0.7, beta=0.3)
    # 1 − σ(.3·1) and 1 − σ(.3·.5)
    expected = [1.33 / (1 + math.exp(0.3)), 0.7 / (1 + math.exp(0.15))]
    assert losses_N.tolist() == pytest.approx(expected, rel=1e-14)
