"""What is said of γ: who pulls, and never a reward that cannot."""

from __future__ import annotations

from upo_sdk.loss import Balance
from upo_sdk.training.balance import RunBalance

FOUND = Balance(
    gamma=0.5,
    normalization="sum",
    ratio=0.3,
    preference_pull=0.1,
    auxiliary_pull=0.06,
    mean_weight=1.0,
    ess=1.0,
)


def test_only_objectives_whose_reward_varies_are_said_to_pull() -> None:
    said = RunBalance(FOUND, 12).describe(["toxicity"])
    assert "at the start toxicity pulls on a response 0.3 times as hard" in said
    assert "no auxiliary objective has a reward that varies, so γ is 0" in RunBalance(FOUND, 12).describe([])
