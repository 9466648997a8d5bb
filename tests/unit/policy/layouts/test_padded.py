"""The reference layout computes what one sequence at a time computes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from upo_sdk.config import ModelConfig
from upo_sdk.policy import PaddedLayout, Policy, TokenizedRow, load_language_model

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [
    TokenizedRow([5, 6, 7, 8], [[9, 10, 11, 1], [12, 1]]),
    TokenizedRow([20], [[21, 22, 1], [23, 24, 25, 26, 27, 1], [28, 1]]),
]


@pytest.mark.parametrize("family", ["gpt2", "llama", "qwen2"])
def test_log_probs_equal_those_of_one_sequence_at_a_time(model_folder: Callable[[str], Path], family: str) -> None:
    lm = load_language_model(ModelConfig(path=str(model_folder(family))))
    layout = PaddedLayout()
    with torch.no_grad():
        output = Policy(lm, layout)(**layout.collate(ROWS))
        n = 0
        for row in ROWS:
            for response in row.response_ids:
                ids = torch.tensor([[*row.prompt_ids, *response]])
                logps = lm(input_ids=ids).logits.log_softmax(-1)[0, len(row.prompt_ids) - 1 : -1]
                expected = logps.gather(-1, torch.tensor(response).unsqueeze(-1)).squeeze(-1)
                assert torch.allclose(output.logps_NT[n, : len(response)], expected, atol=1e-5)
                n += 1


def test_the_prompt_state_does_not_see_the_response(model_folder: Callable[[str], Path]) -> None:
    lm = load_language_model(ModelConfig(path=str(model_folder("llama"))))
    layout = PaddedLayout()
    other = [row._replace(response_ids=[[40, 41, 42, 43, 44, 1] for _ in row.response_ids]) for row in ROWS]
    with torch.no_grad():
        states = [Policy(lm, layout)(**layout.collate(rows)).prompt_state_PH for rows in (ROWS, other)]
    assert torch.allclose(*states, atol=1e-6)


def test_one_forward_of_the_model_serves_the_batch_statistic(model_folder: Callable[[str], Path]) -> None:
    lm = load_language_model(ModelConfig(path=str(model_folder("gpt2"))))
    calls: list[int] = []
    lm.register_forward_hook(lambda *_: calls.append(1))
    layout = PaddedLayout()
    Policy(lm, layout)(**layout.collate(ROWS))
    assert len(calls) == 1
