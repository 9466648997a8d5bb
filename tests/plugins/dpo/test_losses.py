"""Every loss of the family against numbers worked out by hand, and against what holds for all."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from upo_plugins.dpo.loss_types import BATCH_STATISTICS, DIFFERENCE_LOSSES
from upo_plugins.dpo.losses import (
    aot_loss,
    apo_down_loss,
    apo_zero_loss,
    bco_pair_loss,
    discopop_loss,
    exo_pair_loss,
    nca_pair_loss,
    robust_loss,
    sigmoid_loss,
    sppo_hard_loss,
)
from upo_plugins.dpo.objective import LOSSES
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.dpo.pairs import Pairs

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.dpo.loss_types import LossType

# log π −10 and −12, log ρ −11 and −11.5, so r_w = 1, r_l = −.5, Δ = 1.5; β = .1.
CHOSEN_B, REJECTED_B = torch.tensor([1.0], dtype=torch.float64), torch.tensor([-0.5], dtype=torch.float64)
DIFFERENCE_B = CHOSEN_B - REJECTED_B

ratios = st.lists(st.floats(-30, 30), min_size=1, max_size=6)


def column(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def losses(loss_type: LossType, chosen_B: Tensor, rejected_B: Tensor, **options: Any) -> Tensor:
    """Log-ratios of one-token responses under a reference of certainty, so that policy and ratio are one."""
    difference_B = chosen_B - rejected_B
    pairs = Pairs(chosen_B, rejected_B, difference_B, difference_B, torch.zeros_like(difference_B))
    return LOSSES[loss_type](pairs, DPOOptions(loss_type=loss_type, **options))


def test_robust_takes_the_flipped_label_away_and_rescales() -> None:
    # −log σ(.15) = .62095705, −log σ(−.15) = .77095705: (.9·.62095705 − .1·.77095705) / .8
    assert robust_loss(DIFFERENCE_B, 0.1, 0.1).item() == pytest.approx(0.60220705)


def test_exo_is_the_divergence_of_two_coins() -> None:
    # q = σ(.15) = .53742985; .53742985·log(.53742985/.9) + .46257015·log(.46257015/.1)
    assert exo_pair_loss(DIFFERENCE_B, 0.1, 0.1).item() == pytest.approx(0.43138846)


def test_exo_is_zero_where_the_policy_believes_the_smoothed_label() -> None:
    # q = .9 where βΔ = log 9.
    assert exo_pair_loss(column([math.log(9)]), 1.0, 0.1).item() == pytest.approx(0, abs=1e-12)


def test_nca_sums_three_logistic_terms() -> None:
    # .64439666 + .5·.74439666 + .5·.66845965
    assert nca_pair_loss(CHOSEN_B, REJECTED_B, 0.1).item() == pytest.approx(1.35082481)


def test_bco_classifies_both_responses() -> None:
    # −log σ(.1) − log σ(.05) = .64439666 + .66845965
    assert bco_pair_loss(CHOSEN_B, REJECTED_B, 0.1).item() == pytest.approx(1.31285631)


def test_sppo_draws_the_ratios_to_plus_and_minus_half_over_beta() -> None:
    # (1 − 5)² + (−.5 + 5)²
    assert sppo_hard_loss(CHOSEN_B, REJECTED_B, 0.1).item() == pytest.approx(36.25)
    assert sppo_hard_loss(column([5]), column([-5]), 0.1).item() == pytest.approx(0)


def test_apo_zero_and_down_take_their_anchors_from_zero() -> None:
    # 1 − σ(.1) + σ(−.05); σ(.1) + 1 − σ(.15)
    assert apo_zero_loss(CHOSEN_B, REJECTED_B, 0.1).item() == pytest.approx(0.96252342)
    assert apo_down_loss(CHOSEN_B, REJECTED_B, 0.1).item() == pytest.approx(0.98754934)


def test_discopop_blends_the_logistic_and_the_exponential_loss() -> None:
    # m = σ(.15/.05) = .95257413; (1 − m)·.62095705 + m·e^−.15
    assert discopop_loss(DIFFERENCE_B, 0.1, 0.05).item() == pytest.approx(0.84933758)


def test_aot_compares_quantile_with_quantile() -> None:
    # Sorted: (0, 3) against (1, 2): −1 and 1, whatever belonged to whom.
    upper_B, lower_B = column([3, 0]), column([1, 2])
    assert aot_loss(upper_B, lower_B, 0.1).tolist() == pytest.approx([0.74439666, 0.64439666])


def test_aot_of_one_pair_is_dpo() -> None:
    one, two = column([1.3]), column([-0.4])
    assert aot_loss(one, two, 0.1, 0.1).equal(sigmoid_loss(one - two, 0.1, 0.1))


def test_aot_depends_on_who_shares_the_batch() -> None:
    upper_B, lower_B = column([3, 0]), column([1, 2])
    together = aot_loss(upper_B, lower_B, 0.1).mean()
    apart = torch.cat([aot_loss(upper_B[:1], lower_B[:1], 0.1), aot_loss(upper_B[1:], lower_B[1:], 0.1)]).mean()
    assert together.item() != pytest.approx(apart.item())


@given(st.floats(-20, 20), st.floats(0.01, 2), st.floats(0, 0.4))
def test_the_robust_loss_of_noisy_labels_is_the_loss_of_clean_ones_on_average(
    difference: float, beta: float, flipped: float
) -> None:
    kept, swapped = (robust_loss(column([sign * difference]), beta, flipped).item() for sign in (1, -1))
    clean = sigmoid_loss(column([difference]), beta).item()
    assert (1 - flipped) * kept + flipped * swapped == pytest.approx(clean, abs=1e-9)


@pytest.mark.parametrize("loss_type", LOSSES)
@given(chosen=ratios, beta=st.floats(0.01, 2))
def test_there_is_one_finite_loss_per_pair(loss_type: LossType, chosen: list[float], beta: float) -> None:
    chosen_B = column(chosen)
    loss_B = losses(loss_type, chosen_B, chosen_B.flip(0), beta=beta)
    assert loss_B.shape == chosen_B.shape
    assert loss_B.isfinite().all()


@pytest.mark.parametrize("loss_type", sorted(DIFFERENCE_LOSSES | {"aot"}))
@given(chosen=ratios, shift=st.floats(-20, 20))
def test_a_loss_of_differences_ignores_what_both_responses_share(
    loss_type: LossType, chosen: list[float], shift: float
) -> None:
    chosen_B = column(chosen)
    rejected_B = chosen_B.flip(0) / 2
    torch.testing.assert_close(
        losses(loss_type, chosen_B + shift, rejected_B + shift), losses(loss_type, chosen_B, rejected_B)
    )


@pytest.mark.parametrize("loss_type", ["bco_pair", "sppo_hard", "apo_zero", *sorted(DIFFERENCE_LOSSES)])
@given(chosen=ratios)
def test_swapping_the_responses_and_the_signs_changes_nothing(loss_type: LossType, chosen: list[float]) -> None:
    chosen_B = column(chosen)
    rejected_B = chosen_B.flip(0) / 2
    torch.testing.assert_close(
        losses(loss_type, -rejected_B, -chosen_B), losses(loss_type, chosen_B, rejected_B), atol=1e-9, rtol=1e-9
    )


@pytest.mark.parametrize("loss_type", sorted(set(LOSSES) - BATCH_STATISTICS))
@given(chosen=ratios)
def test_a_pair_does_not_depend_on_its_neighbours(loss_type: LossType, chosen: list[float]) -> None:
    chosen_B = column(chosen)
    rejected_B = chosen_B.flip(0) / 2
    alone_B = torch.cat([losses(loss_type, chosen_B[b : b + 1], rejected_B[b : b + 1]) for b in range(len(chosen_B))])
    torch.testing.assert_close(losses(loss_type, chosen_B, rejected_B), alone_B)


AT_THE_REFERENCE = {
    # Slope of the loss by the log-prob of the chosen and of the rejected response, at β = .1 and r_w = r_l = 0.
    "sigmoid": (-0.05, 0.05),
    "sigmoid_norm": (-0.05, 0.05),
    "robust": (-0.05, 0.05),
    "hinge": (-0.1, 0.1),
    "ipo": (-10, 10),  # 2·(0 − 5)
    "exo_pair": (-0.025 * math.log(999), 0.025 * math.log(999)),  # β·¼·log(ε/(1−ε))
    "nca_pair": (-0.025, 0.025),  # −β/2 + β/4; β/4
    "bco_pair": (-0.05, 0.05),
    "sppo_hard": (-10, 10),
    "aot": (-0.05, 0.05),
    "aot_unpaired": (-0.05, 0.05),
    "apo_zero": (-0.025, 0.025),
    "apo_down": (0, 0.025),  # β/4 − β/4
    "discopop": (0.1 * (5 * (1 - math.log(2)) - 0.75), -0.1 * (5 * (1 - math.log(2)) - 0.75)),  # moves away first
}


@pytest.mark.parametrize("loss_type", LOSSES)
def test_the_first_step_from_the_reference_goes_where_it_should(loss_type: LossType) -> None:
    both = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
    losses(loss_type, both[0], both[1]).sum().backward()  # type: ignore[no-untyped-call]
    assert both.grad is not None
    assert both.grad.flatten().tolist() == pytest.approx(AT_THE_REFERENCE[loss_type])


def test_the_slopes_are_those_of_every_loss() -> None:
    assert set(AT_THE_REFERENCE) == set(LOSSES)
