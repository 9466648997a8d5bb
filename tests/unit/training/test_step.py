"""From log-probs worked out by hand to the loss and the metrics of a step."""

from __future__ import annotations

from math import exp, log
from typing import TYPE_CHECKING, Any

import pytest
import torch

from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.objective import KTO
from upo_plugins.kto.options import KTOOptions
from upo_sdk.config import LossConfig
from upo_sdk.loss import AuxiliaryTerm, PreferenceTerm, UnifiedLoss
from upo_sdk.policy import PolicyOutput
from upo_sdk.training.step import Step

if TYPE_CHECKING:
    from torch import Tensor

PADDING = -99.0
LOGPS = [[-1.0, -1.0], [-3.0, PADDING], [-4.0, PADDING], [-2.0, PADDING], [-2.0, PADDING], [-2.0, PADDING]]
REFERENCE = [[-1.5, -1.5], [-2.0, PADDING], [-5.0, PADDING], [-2.0, PADDING], [-3.0, PADDING], [-5.0, PADDING]]
"""Two rows of a chosen, a rejected and a mismatched response; log-ratios 1, −1, 1 and 0, 1, 3."""

DPO_LOSSES = [log(1 + exp(-0.2)), log(1 + exp(0.1))]
"""−log σ(β(1 + 1)) and −log σ(β(0 − 1)) with β = 0.1."""


def inputs(**more: Tensor) -> dict[str, Tensor]:
    return {
        "completion_N": torch.tensor([0, 1, 3, 4]),
        "mismatched_K": torch.tensor([2, 5]),
        "prompt_N": torch.tensor([0, 0, 1, 1]),
        "desirable_N": torch.tensor([True, False, True, False]),
        "chosen_B": torch.tensor([0, 2]),
        "rejected_B": torch.tensor([1, 3]),
        "mask_NT": torch.tensor([[True, value[1] != PADDING] for value in LOGPS]),
        "reference_NT": torch.tensor(REFERENCE),
        "rewards_NK": torch.tensor([[0.9], [0.1], [0.6], [0.4]]),
        **more,
    }


def without(*names: str) -> dict[str, Tensor]:
    return {name: value for name, value in inputs().items() if name not in names}


def output() -> PolicyOutput:
    return PolicyOutput(torch.tensor(LOGPS, requires_grad=True), torch.zeros(2, 4))


def step(*auxiliary: str, objective: Any = None, **settings: Any) -> Step:
    preference = PreferenceTerm("main", 1.0, objective or DPO(DPOOptions()))
    terms = [AuxiliaryTerm(label, 0.5) for label in auxiliary]
    unified = UnifiedLoss([preference], terms, LossConfig(gate_steps=0, baseline="none"))
    return Step(unified=unified, beta=0.1, **settings)


def test_the_loss_is_the_objectives_on_the_chosen_and_the_rejected_responses() -> None:
    assert step()(output(), inputs(), step=0).loss.item() == pytest.approx(sum(DPO_LOSSES) / 2)


def test_a_row_of_weight_three_counts_three_times() -> None:
    weighted = inputs(sample_weight_P=torch.tensor([3.0, 1.0]))
    assert step()(output(), weighted, step=0).loss.item() == pytest.approx((3 * DPO_LOSSES[0] + DPO_LOSSES[1]) / 4)


def test_metrics_are_of_the_pairs_and_know_how_many_there_are() -> None:
    result = step()(output(), inputs(), step=0)
    found = {name: value.item() for name, value in result.metrics.items()}
    assert found["logps/chosen"] == pytest.approx(-2)
    assert found["logps/rejected"] == pytest.approx(-2.5)
    assert found["rewards/chosen"] == pytest.approx(0.05)
    assert found["rewards/rejected"] == pytest.approx(0)
    assert found["rewards/margins"] == pytest.approx(0.05)
    assert found["rewards/accuracies"] == pytest.approx(0.5)
    assert result.counts["rewards/margins"] == result.counts["logps/chosen"] == 2


def test_single_completions_have_no_margin_and_a_batch_without_a_rejected_one_has_no_mean_of_them() -> None:
    single = without("chosen_B", "rejected_B") | {"desirable_N": torch.ones(4, dtype=torch.bool)}
    result = step(objective=KTO(KTOOptions()))(output(), single, step=0)
    assert not {"rewards/margins", "rewards/accuracies"} & {*result.metrics, *result.counts}
    assert result.metrics["logps/rejected"].isnan()
    assert result.counts["logps/rejected"] == 0


def test_without_a_reference_there_are_log_probs_and_no_implicit_rewards() -> None:
    batch = step().preference_batch(output(), without("reference_NT"))
    assert batch.reference is None
    assert batch.kl is None


@pytest.mark.parametrize(
    ("weights", "expected"), [(None, 2.0), ([3.0, 1.0], 1.5), ([0.0, 1.0], 3.0), ([0.0, 0.0], 0.0)]
)
def test_the_kl_estimate_is_the_mean_log_ratio_of_the_mismatched_responses(
    weights: list[float] | None, expected: float
) -> None:
    given = inputs() if weights is None else inputs(sample_weight_P=torch.tensor(weights))
    kl = step().preference_batch(output(), given).kl
    assert kl is not None
    assert kl.item() == pytest.approx(expected)


def test_a_negative_kl_estimate_is_zero() -> None:
    kl = step().preference_batch(output(), inputs(reference_NT=torch.zeros(6, 2))).kl
    assert kl is not None
    assert kl.item() == 0


def test_the_kl_estimate_is_over_the_rows_of_all_ranks() -> None:
    """The other rank has six mismatched responses whose log-ratios add up to 4: (1 + 3 + 4) / (2 + 6)."""
    ranks = step(mean_over_ranks=lambda sums: (sums + torch.tensor([4.0, 6.0])) / 2)
    kl = ranks.preference_batch(output(), inputs()).kl
    assert kl is not None
    assert kl.item() == pytest.approx(1)


@pytest.mark.parametrize("objective", [DPO(DPOOptions()), KTO(KTOOptions())], ids=["dpo", "kto"])
def test_no_gradient_reaches_padding_or_mismatched_responses(objective: Any) -> None:
    policy = output()
    step("length", objective=objective)(policy, inputs(), step=0).loss.backward()
    assert policy.logps_NT.grad is not None
    reached = policy.logps_NT.grad != 0
    assert reached.tolist() == [[True, True], [True, False], [False] * 2, [True, False], [True, False], [False] * 2]


def test_auxiliary_objectives_see_each_completions_own_reward() -> None:
    result = step("length")(output(), inputs(), step=0)
    assert result.weights_N is not None
    assert result.weights_N.tolist() == pytest.approx([exp(5 * 0.5 * reward) for reward in (0.9, 0.1, 0.6, 0.4)])
    assert step()(output(), inputs(), step=0).weights_N is None


def test_the_gradient_in_parts_is_there_if_asked_for_and_the_loss_is_the_same() -> None:
    plain = step("length")(output(), inputs(), step=0)
    split = step("length")(output(), inputs(), step=0, gradients=True)
    assert plain.gradients is None
    assert split.gradients is not None
    assert split.loss.item() == plain.loss.item()
