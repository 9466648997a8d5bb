"""What changes any loss of the family: other divergences, length desensitising and weighting."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from upo_plugins.dpo.losses import wpo_weights_B
from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.dpo.pairs import f_divergence_score, length_desensitized_sum_N, shared_lengths_N
from upo_sdk.objectives import PreferenceBatch, TokenLogps

# One pair: three chosen tokens, one rejected; masked positions hold rubbish.
MASK_NT = torch.tensor([[True, True, True], [True, False, False]])
POLICY_NT = torch.tensor([[-1.0, -2.0, -4.0], [-3.0, math.nan, math.inf]])
REFERENCE_NT = torch.tensor([[-2.0, -2.0, -2.0], [-1.0, -9.0, -9.0]])
DIVERGENCES = ("reverse_kl", "forward_kl", "js_divergence", "alpha_divergence")


def loss_B(policy_NT: Tensor = POLICY_NT, **options: Any) -> Tensor:
    batch = PreferenceBatch(
        policy=TokenLogps(policy_NT, MASK_NT),
        reference=TokenLogps(REFERENCE_NT, MASK_NT),
        desirable_N=torch.tensor([True, False]),
        chosen_B=torch.tensor([0]),
        rejected_B=torch.tensor([1]),
    )
    return DPO(DPOOptions(**options)).loss(batch).loss_B


@pytest.mark.parametrize(
    ("divergence", "alpha", "score"),
    [
        ("reverse_kl", 0.5, math.log(2)),
        ("forward_kl", 0.5, 0.5),  # 1 − 1/2
        ("js_divergence", 0.5, math.log(4 / 3)),  # log(2·2/3)
        ("alpha_divergence", 0.5, 2 - math.sqrt(2)),  # (2^−½ − 1)/(−½)
        ("alpha_divergence", 2.0, 1.0),  # (2 − 1)/1
        ("alpha_divergence", 1.0, math.log(2)),
    ],
)
def test_the_score_of_a_response_twice_as_likely_as_before(divergence: Any, alpha: float, score: float) -> None:
    log_ratio_N = torch.tensor([math.log(2)], dtype=torch.float64)
    assert f_divergence_score(log_ratio_N, divergence, alpha).item() == pytest.approx(score)


@given(st.floats(-10, 10))
def test_alpha_zero_is_the_forward_kl(log_ratio: float) -> None:
    log_ratio_N = torch.tensor([log_ratio], dtype=torch.float64)
    torch.testing.assert_close(
        f_divergence_score(log_ratio_N, "alpha_divergence", 0.0), f_divergence_score(log_ratio_N, "forward_kl")
    )


@pytest.mark.parametrize("divergence", DIVERGENCES)
@given(low=st.floats(-20, 20), step=st.floats(0.01, 10))
def test_a_score_rises_with_the_ratio_from_zero_at_the_reference(divergence: Any, low: float, step: float) -> None:
    score_N = f_divergence_score(torch.tensor([low, low + step, 0.0], dtype=torch.float64), divergence)
    assert score_N[0] <= score_N[1]
    assert score_N[2] == pytest.approx(0)


@pytest.mark.parametrize("divergence", DIVERGENCES)
@pytest.mark.parametrize("extreme", [-5e3, 5e3])
def test_a_huge_ratio_stays_finite(divergence: Any, extreme: float) -> None:
    log_ratio_N = torch.tensor([extreme], requires_grad=True)
    score = f_divergence_score(log_ratio_N, divergence)
    score.backward()  # type: ignore[no-untyped-call]
    assert score.isfinite()
    assert log_ratio_N.grad is not None
    assert log_ratio_N.grad.isfinite()


def test_the_loss_takes_the_difference_of_the_scores() -> None:
    # r_w = −7 + 6 = −1, r_l = −3 + 1 = −2; forward KL: (1 − e) − (1 − e²) = 4.67077427; hinge 1 − .467077427
    assert loss_B(loss_type="hinge", f_divergence_type="forward_kl").item() == pytest.approx(0.53292257)


def test_the_shared_length_is_that_of_the_shorter_response_of_the_pair() -> None:
    lengths_N = torch.tensor([5, 2, 3, 9])
    assert shared_lengths_N(lengths_N, torch.tensor([0, 3]), torch.tensor([2, 1])).tolist() == [3, 2, 3, 2]


def test_tokens_beyond_the_shared_length_count_a_fraction() -> None:
    # −1 + .25·(−2 − 4), and −3
    sums_N = length_desensitized_sum_N(TokenLogps(POLICY_NT, MASK_NT), torch.tensor([1, 1]), 0.25)
    assert sums_N.tolist() == [-2.5, -3.0]


def test_length_desensitising_changes_policy_and_reference_alike() -> None:
    # Policy −1 + .5·(−6) = −4 and −3, reference −2 + .5·(−4) = −4 and −1: Δ = 0 + 2
    assert loss_B(loss_type="hinge", ld_alpha=0.5).item() == pytest.approx(0.8)
    assert loss_B(ld_alpha=1.0).equal(loss_B())


def test_the_weight_of_a_pair_is_the_product_of_the_mean_token_probabilities() -> None:
    chosen_B, rejected_B = torch.tensor([math.log(0.5)]), torch.tensor([math.log(0.1)])
    assert wpo_weights_B(chosen_B, rejected_B).item() == pytest.approx(0.05)


def test_weighting_scales_the_loss_and_has_no_gradient_of_its_own() -> None:
    policy_NT = POLICY_NT.clone().requires_grad_()
    plain, weighted = loss_B(policy_NT), loss_B(policy_NT, use_weighting=True)
    weight = math.exp(-7 / 3 - 3)
    assert weighted.item() == pytest.approx(weight * plain.item())
    (plain_NT,) = torch.autograd.grad(plain.sum(), policy_NT)
    (weighted_NT,) = torch.autograd.grad(weighted.sum(), policy_NT)
    torch.testing.assert_close(weighted_NT, weight * plain_NT)
