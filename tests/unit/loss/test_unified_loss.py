"""The composed loss: golden numbers, who gets which gradient, and what changes nothing."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.objective import KTO
from upo_plugins.kto.options import KTOOptions
from upo_sdk.config import LossConfig
from upo_sdk.loss import AuxiliaryBatch, AuxiliaryTerm, PreferenceTerm, UnifiedLoss, UnifiedOutput, ValueHead
from upo_sdk.objectives import PreferenceBatch, TokenLogps

KTO_TERM = PreferenceTerm("kto", 1.0, KTO(KTOOptions()))
DPO_TERM = PreferenceTerm("dpo", 1.0, DPO(DPOOptions()))
TOXICITY = AuxiliaryTerm("toxicity", 1.0)


def token_logps(totals_N: torch.Tensor, lengths: tuple[int, ...]) -> TokenLogps:
    """Spread sequence log-probs evenly over their tokens."""
    mask_NT = torch.arange(max(lengths)).unsqueeze(0) < torch.tensor(lengths).unsqueeze(-1)
    return TokenLogps((totals_N / torch.tensor(lengths)).unsqueeze(-1) * mask_NT, mask_NT)


def golden_batch() -> tuple[torch.Tensor, PreferenceBatch, AuxiliaryBatch]:
    """Return the log-probs that take the gradient, and the two completions of the golden numbers."""
    totals = torch.tensor([-10.0, -12.0], dtype=torch.float64, requires_grad=True)
    reference = token_logps(torch.tensor([-11.0, -11.5], dtype=torch.float64), (5, 4))
    preference = PreferenceBatch(
        policy=token_logps(totals, (5, 4)),
        reference=reference,
        desirable_N=torch.tensor([True, False]),
        chosen_B=torch.tensor([0]),
        rejected_B=torch.tensor([1]),
        kl=torch.tensor(0.2, dtype=torch.float64),
    )
    auxiliary = AuxiliaryBatch(
        rewards_NK=torch.tensor([[0.9], [0.4]], dtype=torch.float64),
        prompt_N=torch.tensor([0, 1]),
        baseline_P=torch.tensor([0.8, 0.6], dtype=torch.float64),
    )
    return totals, preference, auxiliary


class GoldenValueHead(ValueHead):
    """A value head that answers the golden values, to have the value term in the sum."""

    def forward(self, prompt_state_PH: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - the signature of the base
        return torch.tensor([0.8, 0.6], dtype=torch.float64)


def run(
    loss: UnifiedLoss, preference: PreferenceBatch, auxiliary: AuxiliaryBatch | None, step: int = 0
) -> UnifiedOutput:
    """Evaluate in double precision."""
    return loss.double()(preference, auxiliary, step=step)


def test_kto_plus_actor_plus_value_has_the_golden_value_and_gradient() -> None:
    totals, preference, auxiliary = golden_batch()
    unified = UnifiedLoss([KTO_TERM], [TOXICITY], LossConfig(gate_steps=0, value_coefficient=0.1), hidden_size=4)
    unified.value_head = GoldenValueHead(4)
    auxiliary = dataclasses.replace(auxiliary, baseline_P=None, prompt_state_PH=torch.zeros(2, 4))
    output = run(unified, preference, auxiliary)
    output.loss.backward()
    assert output.loss.item() == pytest.approx(1.58247911731766, abs=1e-12)
    assert totals.grad is not None
    assert totals.grad.tolist() == pytest.approx([-0.09491608, -0.01050777], abs=1e-8)


def test_dpo_alone_has_the_golden_value() -> None:
    _, preference, _ = golden_batch()
    assert (run(UnifiedLoss([DPO_TERM]), preference, None).loss).item() == pytest.approx(0.62095705, abs=1e-8)


@pytest.mark.parametrize("config", [LossConfig(gamma=0.0, gate_steps=0), LossConfig(gate_steps=5)])
def test_without_gamma_or_before_the_gate_loss_and_gradient_are_the_preference_losss_bit_for_bit(
    config: LossConfig,
) -> None:
    alone, preference, _ = golden_batch()
    run(UnifiedLoss([DPO_TERM]), preference, None, step=4).loss.backward()
    together, preference, auxiliary = golden_batch()
    output = run(UnifiedLoss([DPO_TERM], [TOXICITY], config), preference, auxiliary, step=4)
    output.loss.backward()
    assert alone.grad is not None
    assert together.grad is not None
    assert torch.equal(alone.grad, together.grad)


def test_the_gate_opens_after_its_steps() -> None:
    unified = UnifiedLoss([DPO_TERM], [TOXICITY], LossConfig(gate_steps=3))
    assert [unified.actor_coefficient(step) for step in (0, 2, 3, 4)] == [0.0, 0.0, 0.5, 0.5]


def test_lambda_zero_is_the_preference_loss_plus_the_mean_token_likelihood_of_all_completions() -> None:
    _, preference, auxiliary = golden_batch()
    config = LossConfig(lambda_=0.0, gate_steps=0)
    together = run(UnifiedLoss([DPO_TERM], [TOXICITY], config), preference, auxiliary).loss
    alone = run(UnifiedLoss([DPO_TERM]), preference, None).loss
    assert (together - alone).item() == pytest.approx(0.5 * (10 / 5 + 12 / 4) / 2)


def test_the_policy_gets_no_gradient_from_the_value_term_and_the_head_none_from_the_actor() -> None:
    state = torch.randn(2, 4, requires_grad=True)
    totals, preference, auxiliary = golden_batch()
    auxiliary = dataclasses.replace(auxiliary, baseline_P=None, prompt_state_PH=state)
    unified = UnifiedLoss([DPO_TERM], [TOXICITY], LossConfig(gate_steps=0), hidden_size=4)
    output = unified(preference, dataclasses.replace(auxiliary, rewards_NK=auxiliary.rewards_NK.float()), step=0)
    assert unified.value_head is not None
    head = list(unified.value_head.parameters())
    assert all(
        gradient is None
        for gradient in torch.autograd.grad(output.policy_loss, head, allow_unused=True, retain_graph=True)
    )
    assert torch.autograd.grad(output.value_loss, [totals, state], allow_unused=True) == (None, None)


def test_weights_multiply_rewards_before_one_advantage() -> None:
    _, preference, auxiliary = golden_batch()
    two = AuxiliaryBatch(
        rewards_NK=torch.tensor([[0.9, 0.1], [0.4, 0.7]], dtype=torch.float64),
        prompt_N=auxiliary.prompt_N,
        baseline_P=auxiliary.baseline_P,
    )
    terms = [AuxiliaryTerm("toxicity", 0.3), AuxiliaryTerm("lexical", 0.6)]
    combined = dataclasses.replace(two, rewards_NK=two.rewards_NK @ torch.tensor([[0.3], [0.6]], dtype=torch.float64))
    config = LossConfig(gate_steps=0)
    separate = run(UnifiedLoss([DPO_TERM], terms, config), preference, two)
    single = run(UnifiedLoss([DPO_TERM], [TOXICITY], config), preference, combined)
    assert separate.loss.item() == pytest.approx(single.loss.item(), abs=1e-7)


def test_batch_order_and_padding_change_nothing() -> None:
    _, preference, auxiliary = golden_batch()
    config = LossConfig(gate_steps=0)
    expected = (run(UnifiedLoss([KTO_TERM], [TOXICITY], config), preference, auxiliary).loss).item()
    flip = torch.tensor([1, 0])

    def padded_and_flipped(logps: TokenLogps) -> TokenLogps:
        extra = torch.full((2, 3), 1e9, dtype=torch.float64)
        return TokenLogps(
            torch.cat([logps.logps_NT, extra], 1)[flip],
            torch.cat([logps.mask_NT, torch.zeros(2, 3, dtype=torch.bool)], 1)[flip],
        )

    assert preference.reference is not None
    flipped = PreferenceBatch(
        policy=padded_and_flipped(preference.policy),
        reference=padded_and_flipped(preference.reference),
        desirable_N=preference.desirable_N[flip],
        kl=preference.kl,
    )
    moved = dataclasses.replace(auxiliary, rewards_NK=auxiliary.rewards_NK[flip], prompt_N=auxiliary.prompt_N[flip])
    assert (run(UnifiedLoss([KTO_TERM], [TOXICITY], config), flipped, moved).loss).item() == pytest.approx(expected)


def test_at_initialisation_the_actor_pushes_a_rejected_completion_up_only_if_its_weight_beats_the_length() -> None:
    totals = torch.tensor([-10.0, -12.0], dtype=torch.float64, requires_grad=True)
    same = token_logps(totals.detach().clone(), (10, 10))
    preference = PreferenceBatch(
        policy=token_logps(totals, (10, 10)),
        reference=same,
        desirable_N=torch.tensor([True, False]),
        kl=torch.tensor(0.0, dtype=torch.float64),
    )
    auxiliary = AuxiliaryBatch(
        rewards_NK=torch.zeros(2, 1, dtype=torch.float64),
        prompt_N=torch.tensor([0, 1]),
        baseline_P=torch.zeros(2, dtype=torch.float64),
    )
    run(UnifiedLoss([KTO_TERM], [TOXICITY], LossConfig(gate_steps=0)), preference, auxiliary).loss.backward()
    assert totals.grad is not None
    assert (2 * totals.grad).tolist() == pytest.approx([-0.025 - 0.05, 0.025 - 0.05])


def test_metrics_carry_the_names_users_typed() -> None:
    _, preference, auxiliary = golden_batch()
    output = run(UnifiedLoss([KTO_TERM], [AuxiliaryTerm("mine", 0.3)], LossConfig(gate_steps=0)), preference, auxiliary)
    assert {"objective/kto/loss", "objective/mine/reward_mean", "advantage/ess", "actor/loss"} <= set(output.metrics)
    assert not any(value.requires_grad for value in output.metrics.values())
