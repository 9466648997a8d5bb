"""The gradient by the log-probs in its parts: they add up, and say who pulls how hard and which way."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.objective import KTO
from upo_plugins.kto.options import KTOOptions
from upo_sdk.config import LossConfig
from upo_sdk.loss import (
    AuxiliaryBatch,
    AuxiliaryTerm,
    GradientParts,
    PreferenceTerm,
    UnifiedLoss,
    advantage_weights,
    attribute_weights,
    gradient_metrics,
    parameter_gram,
)
from upo_sdk.objectives import PreferenceBatch, TokenLogps

DPO_TERM = PreferenceTerm("dpo", 1.0, DPO(DPOOptions()))
KTO_TERM = PreferenceTerm("kto", 0.5, KTO(KTOOptions()))
AUXILIARY = [AuxiliaryTerm("toxicity", 0.3, 0.5), AuxiliaryTerm("length", 0.2, 0.25)]
LENGTHS = torch.tensor([5, 4, 2, 6])


def batch() -> tuple[PreferenceBatch, AuxiliaryBatch]:
    """Return two pairs whose log-probs take the gradient, with two rewards."""
    generator = torch.Generator().manual_seed(3)
    mask_NT = torch.arange(6).unsqueeze(0) < LENGTHS.unsqueeze(-1)
    policy_NT, reference_NT = -torch.rand(2, 4, 6, generator=generator, dtype=torch.float64)
    preference = PreferenceBatch(
        policy=TokenLogps(policy_NT.requires_grad_(), mask_NT),
        reference=TokenLogps(reference_NT, mask_NT),
        desirable_N=torch.tensor([True, False, True, False]),
        chosen_B=torch.tensor([0, 2]),
        rejected_B=torch.tensor([1, 3]),
        kl=torch.tensor(0.1, dtype=torch.float64),
    )
    auxiliary = AuxiliaryBatch(
        rewards_NK=torch.rand(4, 2, generator=generator, dtype=torch.float64),
        prompt_N=torch.tensor([0, 0, 1, 1]),
        baseline_P=torch.tensor([0.2, 0.3], dtype=torch.float64),
    )
    return preference, auxiliary


def parts_of(config: LossConfig, step: int = 0) -> tuple[GradientParts, torch.Tensor]:
    """Return the parts, and the gradient that autograd finds for the whole."""
    preference, auxiliary = batch()
    output = UnifiedLoss([DPO_TERM, KTO_TERM], AUXILIARY, config)(preference, auxiliary, step=step, gradients=True)
    output.policy_loss.backward()
    assert output.gradients is not None
    assert preference.policy.logps_NT.grad is not None
    return output.gradients, preference.policy.logps_NT.grad


@pytest.mark.parametrize(
    "config",
    [
        LossConfig(gate_steps=0),
        LossConfig(gate_steps=0, length_normalization="sum"),
        LossConfig(gate_steps=0, lambda_=40.0, advantage_cap=0.5),
        LossConfig(gate_steps=0, lambda_=0.0),
        LossConfig(gate_steps=9),
    ],
)
def test_the_parts_add_up_to_the_gradient_of_the_policy_loss(config: LossConfig) -> None:
    parts, whole_NT = parts_of(config)
    assert parts.names == (
        "objective/dpo",
        "objective/kto",
        "likelihood",
        "objective/toxicity",
        "objective/length",
    )
    assert torch.allclose(parts.gradient_MNT.sum(0), whole_NT, atol=1e-12)


def test_asking_for_the_parts_leaves_loss_and_gradient_as_they_are_bit_for_bit() -> None:
    preference, auxiliary = batch()
    plain = UnifiedLoss([DPO_TERM], AUXILIARY, LossConfig(gate_steps=0))(preference, auxiliary, step=0)
    plain.loss.backward()
    plain_NT = preference.policy.logps_NT.grad
    again, auxiliary = batch()
    output = UnifiedLoss([DPO_TERM], AUXILIARY, LossConfig(gate_steps=0))(again, auxiliary, step=0, gradients=True)
    output.loss.backward()
    assert torch.equal(output.loss, plain.loss)
    assert plain_NT is not None
    assert again.policy.logps_NT.grad is not None
    assert torch.equal(again.policy.logps_NT.grad, plain_NT)


def test_before_the_gate_the_auxiliary_parts_pull_at_nothing() -> None:
    parts, _ = parts_of(LossConfig(gate_steps=9))
    metrics = gradient_metrics(parts.names, parts.preference, parts.gram_MM())
    assert [float(metrics[f"{name}/share"]) for name in ("actor", "likelihood", "objective/toxicity")] == [0, 0, 0]
    assert math.isnan(float(metrics["objective/toxicity/grad_cos"]))


def test_two_equal_deviations_share_what_they_add_to_the_weight() -> None:
    deviations_NK = torch.tensor([[math.log(2), math.log(2)]])
    likelihood_N, added_NK = attribute_weights(deviations_NK, deviations_NK.sum(-1), lambda_=1.0)
    assert likelihood_N.tolist() == pytest.approx([1.0])  # e^0; the whole weight is e^(2 log 2) = 4
    assert added_NK[0].tolist() == pytest.approx([1.5, 1.5])


def test_deviations_that_cancel_pull_against_each_other() -> None:
    likelihood_N, added_NK = attribute_weights(torch.tensor([[0.5, -0.5]]), torch.tensor([math.log(3) / 2]), 2.0)
    assert likelihood_N.tolist() == pytest.approx([3.0])
    assert added_NK[0].tolist() == pytest.approx([3.0, -3.0])  # ± 0.5 · λ · e^(λA)


def test_a_weight_at_its_cap_belongs_to_nobody() -> None:
    likelihood_N, added_NK = attribute_weights(torch.tensor([[0.5, -0.5]]), torch.tensor([4.0]), 2.0, cap=1.0)
    assert likelihood_N.tolist() == pytest.approx([math.e])
    assert added_NK[0].tolist() == [0.0, 0.0]


@given(
    st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1)), min_size=1, max_size=6),
    st.floats(-1, 1),
    st.floats(0, 8),
    st.sampled_from([None, 0.5, 2.0]),
)
def test_what_the_objectives_add_and_the_likelihood_make_the_whole_weight(
    deviations: list[tuple[float, float]], rest: float, lambda_: float, cap: float | None
) -> None:
    deviations_NK = torch.tensor(deviations, dtype=torch.float64)
    advantage_N = deviations_NK.sum(-1) + rest
    likelihood_N, added_NK = attribute_weights(deviations_NK, advantage_N, lambda_, cap)
    whole_N = advantage_weights(advantage_N, torch.zeros_like(advantage_N), lambda_, cap)
    assert torch.allclose(likelihood_N + added_NK.sum(-1), whole_N)


def test_an_objective_that_never_leaves_its_mean_adds_nothing() -> None:
    _, added_NK = attribute_weights(torch.tensor([[0.4, 0.0], [-0.2, 0.0]]), torch.tensor([0.3, 0.1]), 5.0)
    assert added_NK[:, 1].tolist() == [0.0, 0.0]


def test_shares_norms_and_cosines_of_three_known_vectors() -> None:
    vectors = torch.tensor([[3.0, 0.0], [0.0, 4.0], [-3.0, 0.0]])
    metrics = {name: float(value) for name, value in gradient_metrics("abc", 1, vectors @ vectors.T).items()}
    assert [metrics[f"{name}/share"] for name in "abc"] == pytest.approx([0.3, 0.4, 0.3])
    assert metrics["actor/share"] == pytest.approx(0.7)
    assert metrics["actor/grad_norm"] == pytest.approx(5.0)  # of (-3, 4)
    assert metrics["a/grad_cos"] == pytest.approx(-0.6)  # (3, 0) with (-3, 4)
    assert math.isnan(metrics["b/grad_cos"])  # the others cancel
    assert metrics["actor/grad_cos"] == pytest.approx(-0.6)


def test_a_single_part_has_the_whole_share_and_no_cosine() -> None:
    metrics = gradient_metrics(["objective/dpo"], 1, torch.tensor([[4.0]]))
    assert float(metrics["objective/dpo/share"]) == 1
    assert math.isnan(float(metrics["objective/dpo/grad_cos"]))
    assert "actor/share" not in metrics


def test_dpo_pulls_with_half_of_beta_at_every_token_when_policy_and_reference_agree() -> None:
    preference, _ = batch()
    mask_NT = preference.policy.mask_NT
    preference = PreferenceBatch(
        policy=TokenLogps(preference.policy.logps_NT, mask_NT),
        reference=TokenLogps(preference.policy.logps_NT.detach(), mask_NT),
        desirable_N=preference.desirable_N,
        chosen_B=preference.chosen_B,
        rejected_B=preference.rejected_B,
    )
    parts = UnifiedLoss([DPO_TERM])(preference, step=0, gradients=True).gradients
    assert parts is not None
    norm = gradient_metrics(parts.names, 1, parts.gram_MM())["objective/dpo/grad_norm"]
    assert float(norm) == pytest.approx(0.05 / 2 * math.sqrt(17), rel=1e-6)  # two pairs, 17 tokens


def test_products_by_the_parameters_follow_the_chain_rule_and_touch_no_gradient() -> None:
    linear = nn.Linear(3, 2).double()
    inputs = torch.rand(4, 3, dtype=torch.float64)
    logps_NT = linear(inputs).log_softmax(-1)
    gradient_MNT = torch.rand(2, 4, 2, dtype=torch.float64)
    parts = GradientParts(names=("a", "b"), preference=1, gradient_MNT=gradient_MNT, logps_NT=logps_NT)
    gram_MM = parameter_gram(parts, list(linear.parameters()))
    assert linear.weight.grad is None
    expected = list[torch.Tensor]()
    for gradient_NT in gradient_MNT:
        linear.zero_grad()
        (linear(inputs).log_softmax(-1) * gradient_NT).sum().backward()
        expected.append(torch.cat([parameter.grad.flatten() for parameter in linear.parameters()]))  # type: ignore[union-attr]
    vectors = torch.stack(expected)
    assert torch.allclose(gram_MM, (vectors @ vectors.T).float())
