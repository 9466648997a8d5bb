"""The pure functions of the auxiliary part, against hand-worked numbers and the method's identities."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.loss import actor_loss, advantage_weights, effective_sample_size, expectile_loss
from upo_sdk.loss.advantage import expectile as expectile_of
from upo_sdk.objectives import TokenLogps

REWARDS = st.lists(st.floats(0, 1), min_size=2, max_size=8)


def token_logps(totals: list[float], lengths: list[int]) -> TokenLogps:
    """Build per-token log-probs whose sums are given."""
    mask_NT = torch.arange(max(lengths)).unsqueeze(0) < torch.tensor(lengths).unsqueeze(-1)
    rates_N1 = torch.tensor(totals, dtype=torch.float64).unsqueeze(-1) / torch.tensor(lengths).unsqueeze(-1)
    return TokenLogps((rates_N1 * mask_NT).requires_grad_(), mask_NT)


def test_weights_and_actor_terms_have_the_golden_values() -> None:
    weights = advantage_weights(
        torch.tensor([0.9, 0.4], dtype=torch.float64), torch.tensor([0.8, 0.6], dtype=torch.float64), 5.0
    )
    assert weights.tolist() == pytest.approx([1.64872127, 0.36787944])
    actor = actor_loss(token_logps([-10.0, -12.0], [5, 4]), weights)
    assert actor.tolist() == pytest.approx([3.29744254, 1.10363832])


def test_value_terms_have_the_golden_values() -> None:
    value = expectile_loss(torch.tensor([0.9, 0.4]), torch.tensor([0.8, 0.6]), 0.7)
    assert value.tolist() == pytest.approx([0.007, 0.012], abs=1e-7)


@pytest.mark.parametrize(("tau", "expected"), [(0.5, 0.25), (0.7, 0.4375), (0.9, 0.75)])
def test_the_expectile_of_numbers_and_of_weighted_numbers(tau: float, expected: float) -> None:
    values_N, ones_N = torch.tensor([0.0, 0, 0, 1], dtype=torch.float64), torch.ones(4, dtype=torch.float64)
    assert float(expectile_of(values_N, tau, ones_N)) == pytest.approx(expected, abs=1e-12)
    twice_N = torch.tensor([3.0, 1.0], dtype=torch.float64)
    assert float(expectile_of(values_N[2:], tau, twice_N)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("expectile", "expected"), [(0.5, 0.25), (0.7, 0.4375), (0.8, 0.571429), (0.9, 0.75)])
def test_the_minimum_of_the_expectile_loss_is_the_expectile(expectile: float, expected: float) -> None:
    rewards = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    value = torch.tensor(expected, dtype=torch.float64, requires_grad=True)
    expectile_loss(rewards, value.expand(4), expectile).sum().backward()
    assert value.grad is not None
    assert float(value.grad) == pytest.approx(0, abs=1e-5)


@given(REWARDS)
def test_expectile_one_half_is_half_the_squared_error(rewards: list[float]) -> None:
    rewards_N = torch.tensor(rewards)
    assert torch.allclose(expectile_loss(rewards_N, torch.zeros(len(rewards)), 0.5), 0.5 * rewards_N.square())


@given(REWARDS)
def test_lambda_zero_weighs_every_completion_alike(rewards: list[float]) -> None:
    assert torch.equal(
        advantage_weights(torch.tensor(rewards), torch.zeros(len(rewards)), 0.0), torch.ones(len(rewards))
    )


@given(REWARDS, st.floats(-3, 3), st.floats(0.1, 10))
def test_shifting_or_scaling_reward_and_baseline_together_changes_nothing(
    rewards: list[float], shift: float, scale: float
) -> None:
    rewards_N = torch.tensor(rewards, dtype=torch.float64)
    values_N = torch.full_like(rewards_N, 0.4)
    plain = advantage_weights(rewards_N, values_N, 5.0)
    assert torch.allclose(plain, advantage_weights(rewards_N + shift, values_N + shift, 5.0))
    assert torch.allclose(plain, advantage_weights(scale * rewards_N, scale * values_N, 5.0 / scale))


def test_the_actor_term_has_no_gradient_through_rewards_or_baseline() -> None:
    rewards = torch.tensor([0.9, 0.4], requires_grad=True)
    values = torch.tensor([0.8, 0.6], requires_grad=True)
    assert not advantage_weights(rewards, values, 5.0).requires_grad


def test_the_cap_bounds_the_exponent() -> None:
    assert float(advantage_weights(torch.ones(1), torch.zeros(1), 50.0, cap=1.0)) == pytest.approx(2.7182817)


def test_sum_normalization_leaves_out_the_length() -> None:
    actor = actor_loss(token_logps([-10.0, -12.0], [5, 4]), torch.ones(2, dtype=torch.float64), "sum")
    assert actor.tolist() == pytest.approx([10.0, 12.0])


def test_effective_sample_size_counts_equal_weights_and_notices_one_that_dominates() -> None:
    assert float(effective_sample_size(torch.ones(8))) == pytest.approx(8)
    assert float(effective_sample_size(torch.tensor([1.0, 0.0, 0.0]))) == pytest.approx(1)


def test_the_tabular_optimum_of_the_actor_term_is_the_exponentially_tilted_data() -> None:
    data = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    rewards = torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64)
    logits = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, tolerance_change=1e-14)
    weights = advantage_weights(rewards, torch.full_like(rewards, 0.3), 2.0)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        logps = TokenLogps(logits.log_softmax(-1).unsqueeze(-1), torch.ones(3, 1, dtype=torch.bool))
        loss = (data * actor_loss(logps, weights)).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    tilted = data * torch.exp(2.0 * rewards)
    assert logits.detach().softmax(-1).tolist() == pytest.approx((tilted / tilted.sum()).tolist(), abs=1e-5)
