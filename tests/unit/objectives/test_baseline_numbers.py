"""The paper's baselines on the golden two completions, each a line or two on what an objective receives.

They are not shipped as objectives yet; what these tests show is that the protocol can express them.
"""

from __future__ import annotations

import pytest
import torch

from upo_plugins.dpo.losses import sigmoid_loss
from upo_sdk.objectives import PreferenceBatch, TokenLogps

BETA = 0.1
REWARDS = torch.tensor([0.9, 0.4], dtype=torch.float64)
VALUES = torch.tensor([0.8, 0.6], dtype=torch.float64)


@pytest.fixture
def batch() -> PreferenceBatch:
    def token_logps(totals: list[float]) -> TokenLogps:
        return TokenLogps(torch.tensor(totals, dtype=torch.float64).unsqueeze(-1), torch.ones(2, 1, dtype=torch.bool))

    return PreferenceBatch(
        policy=token_logps([-10.0, -12.0]),
        reference=token_logps([-11.0, -11.5]),
        desirable_N=torch.tensor([True, False]),
        chosen_B=torch.tensor([0]),
        rejected_B=torch.tensor([1]),
    )


def test_dpo_with_a_reward_margin(batch: PreferenceBatch) -> None:
    margin_B = 0.5 * batch.pair_difference_B(REWARDS)
    logits_B = BETA * batch.pair_difference_B(batch.log_ratios_N()) - margin_B
    assert sigmoid_loss(logits_B, 1.0).item() == pytest.approx(0.74439666, abs=1e-8)


def test_modpo(batch: PreferenceBatch) -> None:
    logits_B = BETA * batch.pair_difference_B(batch.log_ratios_N()) - 0.5 * batch.pair_difference_B(REWARDS)
    assert sigmoid_loss(logits_B / 0.5, 1.0).item() == pytest.approx(0.79813887, abs=1e-8)  # log(1 + e^0.2)


def test_dro_v(batch: PreferenceBatch) -> None:
    loss_N = 0.5 * (REWARDS - VALUES - batch.log_ratios_N()).square()
    assert loss_N.mean().item() == pytest.approx(0.225)


def test_a_lol(batch: PreferenceBatch) -> None:
    advantage_N = (REWARDS - VALUES).clamp(min=0)
    ratio_N = batch.log_ratios_N().exp().clamp(0.1, 1.9)
    assert (-advantage_N * ratio_N * batch.policy.sum_N()).mean().item() == pytest.approx(0.95)
