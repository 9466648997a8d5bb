"""``scale: balanced``: the auxiliary term starts at the sum of its weights times the preference term, exactly."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.objective import KTO
from upo_plugins.kto.options import KTOOptions
from upo_plugins.simpo.objective import SimPO
from upo_plugins.simpo.options import SimPOOptions
from upo_sdk.config import LossConfig, Schedule
from upo_sdk.errors import ConfigError, TrainingError
from upo_sdk.loss import AuxiliaryBatch, AuxiliaryTerm, PreferenceTerm, UnifiedLoss, balance
from upo_sdk.objectives import PreferenceBatch, PreferenceObjective, TokenLogps

LENGTHS = (3, 12, 7, 7, 1, 20)


def objective(name: str, beta: float) -> PreferenceObjective:
    return {
        "dpo": lambda: DPO(DPOOptions(beta=beta)),
        "ipo": lambda: DPO(DPOOptions(beta=beta, loss_type="ipo")),
        "kto": lambda: KTO(KTOOptions(beta=beta)),
        "simpo": lambda: SimPO(SimPOOptions(beta=beta)),
    }[name]()


def batch(totals_N: torch.Tensor, lengths: tuple[int, ...]) -> tuple[PreferenceBatch, AuxiliaryBatch]:
    """Return pairs with these sequence log-probs, spread evenly over the tokens, and the reference alike."""
    count = len(lengths)
    mask_NT = torch.arange(max(lengths)).unsqueeze(0) < torch.tensor(lengths).unsqueeze(-1)

    def spread(values_N: torch.Tensor) -> TokenLogps:
        return TokenLogps((values_N / torch.tensor(lengths)).unsqueeze(-1) * mask_NT, mask_NT)

    preference = PreferenceBatch(
        policy=spread(totals_N),
        reference=spread(totals_N.detach().clone()),
        desirable_N=torch.arange(count) % 2 == 0,
        chosen_B=torch.arange(0, count, 2),
        rejected_B=torch.arange(1, count, 2),
        kl=torch.zeros((), dtype=torch.float64),
    )
    given = torch.tensor([(5 * n % 7) / 6 for n in range(count)], dtype=torch.float64)
    rewards_NK = torch.stack([given, 1 - given.square()], -1)
    return preference, AuxiliaryBatch(rewards_NK=rewards_NK, prompt_N=torch.arange(count) // 2)


def totals(lengths: tuple[int, ...]) -> torch.Tensor:
    return torch.tensor([-0.7 * length - 0.1 * n for n, length in enumerate(lengths)], dtype=torch.float64)


def unified_loss(name: str, beta: float = 0.1, **config: object) -> UnifiedLoss:
    terms = [AuxiliaryTerm("toxicity", 0.3), AuxiliaryTerm("length", 0.1)]
    settings = LossConfig.model_validate({"scale": "balanced", "gate_steps": 0, **config})
    return UnifiedLoss([PreferenceTerm(name, 1.0, objective(name, beta))], terms, settings)


def pull(loss: UnifiedLoss, lengths: tuple[int, ...], baseline: float, *, auxiliary: bool) -> float:
    """Return the root mean square of the gradient by the sequences' log-probs of one of the two terms."""
    totals_N = totals(lengths).requires_grad_()
    preference, rewards = batch(totals_N, lengths)
    rewards = dataclasses.replace(rewards, baseline_P=torch.full((len(lengths),), baseline, dtype=torch.float64))
    if auxiliary:
        loss.preference = ()
    loss(preference, rewards if auxiliary else None, step=0).policy_loss.backward()
    assert totals_N.grad is not None
    return float(totals_N.grad.square().mean().sqrt())


@pytest.mark.parametrize("lengths", [LENGTHS, (4, 4, 4, 4), (64, 2)])
@pytest.mark.parametrize(
    ("name", "beta", "lambda_", "normalization", "cap"),
    [
        ("dpo", 0.1, 5.0, "token-mean", None),
        ("dpo", 0.5, 12.0, "sum", 1.0),
        ("kto", 0.05, 5.0, "token-mean", None),
        ("ipo", 0.3, 0.0, "token-mean", None),
        ("simpo", 2.0, 8.0, "token-mean", None),
        ("simpo", 2.0, 1.0, "sum", None),
        ("dpo", 0.1, 5.0, "auto", None),
        ("simpo", 2.0, 5.0, "auto", None),
    ],
)
def test_at_the_start_the_auxiliary_gradient_is_the_sum_of_the_weights_times_the_preference_gradient(
    name: str, beta: float, lambda_: float, normalization: str, cap: float | None, lengths: tuple[int, ...]
) -> None:
    loss = unified_loss(name, beta, **{"lambda": lambda_}, length_normalization=normalization, advantage_cap=cap)
    preference, rewards = batch(totals(lengths), lengths)
    found = balance(loss, preference, rewards)
    loss.config = found.applied_to(loss.config)
    rewards_N = rewards.rewards_NK @ torch.tensor([0.3, 0.1], dtype=torch.float64)
    low, high = float(rewards_N.min()), float(rewards_N.max())
    for _ in range(60):  # the expectile, by halving
        middle = (low + high) / 2
        error_N = rewards_N - middle
        slope = float(torch.where(error_N > 0, 0.7 * error_N, 0.3 * error_N).sum())
        low, high = (middle, high) if slope > 0 else (low, middle)
    wanted = 0.4 * pull(loss, lengths, low, auxiliary=False)
    assert pull(loss, lengths, low, auxiliary=True) == pytest.approx(wanted, rel=1e-9)
    assert found.ratio == pytest.approx(0.4)


@pytest.mark.parametrize(
    ("name", "beta", "expected"),
    [("dpo", 0.1, "sum"), ("kto", 0.1, "sum"), ("ipo", 0.1, "token-mean"), ("simpo", 2.0, "token-mean")],
)
def test_by_itself_the_auxiliary_term_depends_on_the_length_as_the_preference_term_does(
    name: str, beta: float, expected: str
) -> None:
    loss, (preference, rewards) = unified_loss(name, beta), batch(totals(LENGTHS), LENGTHS)
    assert balance(loss, preference, rewards).normalization == expected
    asked = unified_loss(name, beta, length_normalization="token-mean")
    assert balance(asked, preference, rewards).normalization == "token-mean"


@pytest.mark.parametrize(("name", "expected"), [("dpo", 0.4 * 0.1 * 10), ("kto", 0.4 * 0.025 * 10)])
def test_with_equal_rewards_gamma_is_the_weight_times_the_preference_gradient_times_the_length(
    name: str, expected: float
) -> None:
    preference, rewards = batch(totals((10, 10)), (10, 10))
    rewards = dataclasses.replace(rewards, rewards_NK=torch.full((2, 2), 0.5, dtype=torch.float64))
    assert balance(unified_loss(name), preference, rewards).gamma == pytest.approx(expected)
    by_sequence = unified_loss(name, length_normalization="sum")
    assert balance(by_sequence, preference, rewards).gamma == pytest.approx(expected / 10)


def test_a_row_weight_counts_as_copies_of_the_row() -> None:
    lengths, copied = (3, 12, 7, 5), (3, 12, 3, 12, 7, 5)
    weighted = batch(totals(lengths), lengths)
    index = torch.tensor([0, 1, 0, 1, 2, 3])
    preference, rewards = batch(totals(lengths)[index], copied)
    rewards = dataclasses.replace(rewards, rewards_NK=weighted[1].rewards_NK[index])
    weights_N = torch.tensor([2.0, 2.0, 1.0, 1.0], dtype=torch.float64)
    expected = balance(unified_loss("dpo"), preference, rewards).gamma
    assert balance(unified_loss("dpo"), *weighted, sample_weight_N=weights_N).gamma == pytest.approx(expected)
    alone = torch.tensor([1.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    first = balance(unified_loss("dpo"), *batch(totals((3, 12)), (3, 12))).gamma
    assert balance(unified_loss("dpo"), *weighted, sample_weight_N=alone).gamma == pytest.approx(first)


def test_a_schedule_counts_as_its_full_weight() -> None:
    loss = unified_loss("dpo")
    plain = balance(loss, *batch(totals(LENGTHS), LENGTHS))
    rising = Schedule.parse("linear(0,5)")
    loss.preference = tuple(dataclasses.replace(term, schedule=rising) for term in loss.preference)
    loss.auxiliary = tuple(dataclasses.replace(term, schedule=rising) for term in loss.auxiliary)
    assert balance(loss, *batch(totals(LENGTHS), LENGTHS)) == plain


def test_measuring_leaves_loss_and_log_probs_alone() -> None:
    loss, totals_N = unified_loss("dpo"), totals(LENGTHS).requires_grad_()
    before = loss.config
    balance(loss, *batch(totals_N, LENGTHS))
    assert loss.config is before
    assert totals_N.grad is None


def test_padding_changes_nothing() -> None:
    preference, rewards = batch(totals(LENGTHS), LENGTHS)
    extra = torch.nn.functional.pad
    policy, reference = (
        TokenLogps(extra(logps.logps_NT, (0, 4), value=math.inf), extra(logps.mask_NT, (0, 4), value=False))
        for logps in (preference.policy, preference.reference)
        if logps
    )
    padded = dataclasses.replace(preference, policy=policy, reference=reference)
    found = balance(unified_loss("dpo"), padded, rewards).gamma
    assert found == pytest.approx(balance(unified_loss("dpo"), preference, rewards).gamma, rel=1e-12)


def test_a_term_without_a_gradient_is_refused() -> None:
    loss = unified_loss("dpo")
    loss.preference = (dataclasses.replace(loss.preference[0], weight=0.0),)
    with pytest.raises(TrainingError, match="the gradient of the preference term is 0"):
        balance(loss, *batch(totals(LENGTHS), LENGTHS))


def test_a_balanced_loss_without_a_gamma_is_refused_and_the_preference_loss_alone_is_not() -> None:
    loss = unified_loss("dpo")
    preference, rewards = batch(totals(LENGTHS), LENGTHS)
    with pytest.raises(ConfigError, match="scale balanced has no γ yet"):
        loss(preference, rewards, step=0)
    assert float(loss(preference, None, step=0).loss) == pytest.approx(math.log(2))


def test_a_constant_reward_is_left_out_of_what_gamma_asks_for() -> None:
    preference, auxiliary = batch(totals(LENGTHS), LENGTHS)
    both = balance(unified_loss("dpo"), preference, auxiliary)
    one = balance(unified_loss("dpo"), preference, auxiliary, constant={"length"})
    none = balance(unified_loss("dpo"), preference, auxiliary, constant={"length", "toxicity"})
    assert (both.ratio, one.ratio, none.ratio) == (pytest.approx(0.4), 0.3, 0.0)
    assert one.gamma == pytest.approx(both.gamma * 0.3 / 0.4)
    assert none.gamma == 0.0
