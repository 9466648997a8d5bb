"""Rows that count differently, and weights that change with the step."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.objective import KTO
from upo_plugins.kto.options import KTOOptions
from upo_sdk.config import LossConfig, Schedule
from upo_sdk.loss import AuxiliaryBatch, AuxiliaryTerm, PreferenceTerm, UnifiedLoss
from upo_sdk.objectives import PreferenceBatch, TokenLogps

CONFIG = LossConfig(gate_steps=0)
TERMS = [PreferenceTerm("dpo", 1.0, DPO(DPOOptions())), PreferenceTerm("kto", 0.5, KTO(KTOOptions()))]


def batch(*rows: int) -> tuple[PreferenceBatch, AuxiliaryBatch]:
    """Return pairs whose numbers depend on nothing but the given row."""
    size = len(rows)
    chosen = torch.tensor([[-10.0 - row, -12.0 + row] for row in rows], dtype=torch.float64).flatten().unsqueeze(-1)
    mask = torch.ones(2 * size, 1, dtype=torch.bool)
    preference = PreferenceBatch(
        policy=TokenLogps(chosen.requires_grad_(), mask),
        reference=TokenLogps(torch.full_like(chosen, -11.0).detach(), mask),
        desirable_N=torch.tensor([True, False] * size),
        chosen_B=torch.arange(0, 2 * size, 2),
        rejected_B=torch.arange(1, 2 * size, 2),
        kl=torch.tensor(0.2, dtype=torch.float64),
    )
    auxiliary = AuxiliaryBatch(
        rewards_NK=torch.tensor([[0.9 - 0.1 * row, 0.1 * row] for row in rows], dtype=torch.float64).reshape(-1, 1),
        prompt_N=torch.arange(size).repeat_interleave(2),
        baseline_P=torch.tensor([0.5] * size, dtype=torch.float64),
    )
    return preference, auxiliary


def loss(
    rows: list[int], weights: list[float] | None = None, *, step: int = 0, unified: UnifiedLoss | None = None
) -> float:
    unified = unified or UnifiedLoss(TERMS, [AuxiliaryTerm("toxicity", 0.3)], CONFIG)
    weight_N = None if weights is None else torch.tensor(weights, dtype=torch.float64).repeat_interleave(2)
    return unified(*batch(*rows), step=step, sample_weight_N=weight_N).loss.item()


def test_a_row_of_weight_two_is_a_row_that_is_there_twice() -> None:
    assert loss([0, 1], [2, 1]) == pytest.approx(loss([0, 0, 1]))


def test_a_row_of_weight_zero_is_not_there() -> None:
    assert loss([0, 1], [0, 3]) == pytest.approx(loss([1]))


def test_only_the_ratio_of_weights_counts() -> None:
    assert loss([0, 1, 2], [0.2, 0.4, 0.6]) == pytest.approx(loss([0, 1, 2], [1, 2, 3]))
    assert loss([0, 1], [7, 7]) == pytest.approx(loss([0, 1]))


def test_a_batch_without_any_weight_costs_nothing() -> None:
    assert loss([0, 1], [0, 0]) == 0


def test_the_gradient_parts_follow_the_row_weights() -> None:
    preference, auxiliary = batch(0, 1)
    unified = UnifiedLoss(TERMS, [AuxiliaryTerm("toxicity", 0.3)], CONFIG)
    weight_N = torch.tensor([2.0, 2.0, 1.0, 1.0], dtype=torch.float64)
    output = unified(preference, auxiliary, step=0, sample_weight_N=weight_N, gradients=True)
    output.loss.backward()
    assert output.gradients is not None
    assert preference.policy.logps_NT.grad is not None
    assert torch.allclose(output.gradients.gradient_MNT.sum(0), preference.policy.logps_NT.grad)


@pytest.mark.parametrize(("step", "factor"), [(0, 0.0), (1, 0.25), (4, 1.0), (9, 1.0)])
def test_a_scheduled_weight_is_the_weight_of_its_step(step: int, factor: float) -> None:
    ramp = Schedule.parse("linear(0,4)")
    scheduled = UnifiedLoss(
        [dataclasses.replace(TERMS[0], schedule=ramp)], [AuxiliaryTerm("toxicity", 0.3, schedule=ramp)], CONFIG
    )
    fixed = UnifiedLoss(
        [dataclasses.replace(TERMS[0], weight=factor)], [AuxiliaryTerm("toxicity", 0.3 * factor)], CONFIG
    )
    assert loss([0, 1], step=step, unified=scheduled) == pytest.approx(loss([0, 1], step=step, unified=fixed))
    assert scheduled.weights_at(step) == {"dpo": factor, "toxicity": pytest.approx(0.3 * factor)}
