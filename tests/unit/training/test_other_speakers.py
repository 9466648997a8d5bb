"""Turns of others inside a response get no loss: losses, metrics and gradients do not read what stands there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset

from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_plugins.kto.objective import KTO
from upo_plugins.kto.options import KTOOptions
from upo_sdk.config import LossConfig
from upo_sdk.evaluation.loaded_model import summed
from upo_sdk.loss import AuxiliaryTerm, PreferenceTerm, UnifiedLoss
from upo_sdk.policy import PaddedLayout, PolicyOutput
from upo_sdk.training.rows import Collator, PreparedRows
from upo_sdk.training.step import Step
from upo_sdk.training.tokenized_rows import TokenizedRows

LENGTHS = [[5, 3], [2, 4]]
TRAINED = [[[0, 2, 3, 5], [0, 1, 2, 3]], None]
"""The third token of the first response and the second one of the second are a user's."""
UNTRAINED = (0, 2)


def batch(*, mismatched: bool = False, max_length: int = 50, noise: float = 0.0) -> dict[str, Any]:
    dataset = Dataset.from_dict(
        {
            "prompt_ids": [[1, 2, 3], [4, 5]],
            "response_ids": [[[7] * length for length in row] for row in LENGTHS],
            "response_trained": TRAINED,
            "desirable": [[True, False]] * 2,
        }
    )
    branches = TokenizedRows(dataset, mismatched=mismatched, max_length=max_length)
    reference = [[np.full(len(ids), -2.0, np.float32) for ids in row.response_ids] for row in branches.fetch([0, 1])]
    reference[0][0][2] += noise
    reference[0][1][1] += noise
    if mismatched:
        reference[1][2][1] += noise
    rows = PreparedRows(dataset, branches, np.arange(4.0).reshape(4, 1), reference=reference)  # type: ignore[arg-type]
    return Collator(PaddedLayout())(rows.__getitems__([0, 1]))


def test_the_mask_leaves_out_what_others_say() -> None:
    assert batch()["loss"]["mask_NT"].int().tolist() == [
        [1, 1, 0, 1, 1],
        [1, 0, 1, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 1, 0],
    ]


@pytest.mark.parametrize(("max_length", "last"), [(50, [1, 0, 1, 0, 0]), (4, [1, 0, 0, 0, 0])])
def test_a_mismatched_response_brings_its_mask_along_and_is_cut_with_it(max_length: int, last: list[int]) -> None:
    mask_NT = batch(mismatched=True, max_length=max_length)["loss"]["mask_NT"].int().tolist()
    assert mask_NT[5] == last  # the last response of the other row


TERMS = {
    "dpo": DPO(DPOOptions()),
    "ipo": DPO(DPOOptions(loss_type="ipo")),
    "kto": KTO(KTOOptions()),
}


@pytest.mark.parametrize("name", TERMS)
@pytest.mark.parametrize("normalization", ["token-mean", "sum"])
@pytest.mark.parametrize("baseline", ["value", "none"])
def test_no_loss_reads_what_others_say(name: str, normalization: Any, baseline: Any) -> None:
    def run(noise: float) -> tuple[torch.Tensor, dict[str, torch.Tensor], torch.Tensor]:
        torch.manual_seed(0)
        inputs = batch(mismatched=name == "kto", noise=noise)["loss"]
        logps_NT = (-1.0 - 0.1 * torch.arange(inputs["mask_NT"].numel()).view_as(inputs["mask_NT"])).float()
        logps_NT[~inputs["mask_NT"]] += noise
        logps_NT.requires_grad_()
        config = LossConfig(gate_steps=0, baseline=baseline, length_normalization=normalization)
        terms = [PreferenceTerm(name, 1.0, TERMS[name])], [AuxiliaryTerm("reward", 1.0, 1.5)]
        step = Step(unified=UnifiedLoss(*terms, config, hidden_size=4 if baseline == "value" else None), beta=0.1)
        result = step(PolicyOutput(logps_NT, torch.ones(2, 4)), inputs, step=1)
        (gradient_NT,) = torch.autograd.grad(result.loss, logps_NT)
        return result.loss.detach(), result.metrics, gradient_NT

    loss, metrics, gradient_NT = run(0.0)
    other_loss, other_metrics, _ = run(50.0)
    assert torch.equal(loss, other_loss)
    assert all(torch.equal(value, other_metrics[key]) for key, value in metrics.items() if not value.isnan())
    assert gradient_NT[UNTRAINED] == 0
    assert gradient_NT[0, 0] != 0
    assert gradient_NT[0, 4] != 0


def test_an_evaluation_sums_over_what_is_trained() -> None:
    logps_T = np.array([-1, -2, -40, -3], np.float32)
    assert summed(logps_T, [0, 2, 3, 4]) == -6
    assert summed(logps_T, None) == -46
