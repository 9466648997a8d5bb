"""Small random models of many architectures, rows for them, and their log-probs and gradients to compare with."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import torch

from benchmarks.margins.families import VOCABULARY, make_model
from upo_sdk.policy import Policy, PolicyOutput, TokenizedRow

if TYPE_CHECKING:
    from transformers import PreTrainedModel

__all__ = [
    "BLOCK_MASK",
    "PADDED",
    "PREFIX_CACHE",
    "ROWS",
    "SEPARATE",
    "SINGLE",
    "assert_same",
    "difference_from_plain",
    "gradients",
    "ids",
    "largest_difference",
    "make_model",
    "plain_logps",
]

BLOCK_MASK = (
    "llama",
    "llama, tied weights",
    "qwen2",
    "qwen3",
    "mistral",
    "phi3",
    "smollm3",
    "olmo2",
    "granite",
    "gpt_neox",
    "gpt2",
    "opt",
    "falcon",
    "stablelm",
    "qwen3_moe",
    "mixtral",
    "mistral, window",
    "qwen2, window",
    "starcoder2, window",
    "phi3, window",
    "gemma2",
    "gemma3",
    "cohere",
    "cohere2",
    "gpt_oss",
)
PREFIX_CACHE = ("bloom", "mpt")
SEPARATE = ("mamba", "lfm2", "qwen3_next", "granitemoehybrid", "nemotron_h", "rwkv")
PADDED = ("llama4", "modernbert", "recurrent_gemma")
SINGLE = ("llama, dynamic rope", "phi3, longrope")


def ids(count: int, seed: int) -> list[int]:
    generator = random.Random(seed)
    return [generator.randrange(2, VOCABULARY) for _ in range(count)]


ROWS = [
    TokenizedRow(ids(24, 1), [ids(14, 2), ids(16, 3)]),
    TokenizedRow(ids(13, 4), [ids(1, 5), ids(30, 6)]),
    TokenizedRow(ids(5, 7), [ids(2, 8), ids(9, 9), ids(3, 10)]),
    TokenizedRow(ids(20, 11), [ids(20, 12), ids(10, 13)]),
]


@torch.no_grad()
def plain_logps(lm: PreTrainedModel) -> list[torch.Tensor]:
    """Return the log-probs of every response, one plain sequence at a time, written out here."""
    found = list[torch.Tensor]()
    for row in ROWS:
        for response in row.response_ids:
            logits = lm(input_ids=torch.tensor([[*row.prompt_ids, *response]]), use_cache=False).logits[0]
            whole = logits[len(row.prompt_ids) - 1 : -1].float().log_softmax(-1)
            found.append(whole.gather(-1, torch.tensor(response).unsqueeze(-1)).squeeze(-1))
    return found


def largest_difference(output: PolicyOutput, plain: list[torch.Tensor]) -> float:
    differences = [
        (found[: len(own)] - own).abs().max() for found, own in zip(output.logps_NT.detach(), plain, strict=True)
    ]
    return float(torch.stack(differences).max())


@torch.no_grad()
def difference_from_plain(lm: PreTrainedModel, layout: Any) -> float:
    return largest_difference(layout.forward(lm, layout.collate(ROWS)), plain_logps(lm))


def gradients(lm: PreTrainedModel, layout: Any, rows: list[TokenizedRow] = ROWS) -> dict[str, torch.Tensor]:
    """Return the gradients of a sum of log-probs in which every token has a weight of its own, as training has them."""
    lm.zero_grad()
    responses = [response for row in rows for response in row.response_ids]
    policy = Policy(lm, layout).train()
    logps_NT = policy(**layout.collate(rows)).logps_NT
    logps_M = torch.cat([logps_T[: len(r)] for logps_T, r in zip(logps_NT, responses, strict=True)])
    (torch.linspace(-1, 2, len(logps_M)) @ logps_M).backward()
    policy.eval()
    policy.kernels.remove()
    return {key: value.grad.clone() for key, value in lm.named_parameters() if value.grad is not None}


def assert_same(found: dict[str, torch.Tensor], expected: dict[str, torch.Tensor], floor: float = 0.0) -> None:
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, atol=2e-5 * float(value.abs().max()) + floor, rtol=0)
