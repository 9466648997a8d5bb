"""The reference layout: every response in its own row after its prompt, padded on the right."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.policy.layouts.base import PolicyInputs, PolicyOutput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor
    from transformers import PreTrainedModel

    from upo_sdk.policy.layouts.base import TokenizedRow

__all__ = ["PaddedLayout"]


class PaddedLayout:
    """``[prompt | response | padding]``, one sequence per branch. Exact for every causal model, and the slowest.

    Legend: ``L`` tokens of the longest sequence, ``K`` positions whose logits are kept.
    """

    name = "padded"

    def collate(self, rows: Sequence[TokenizedRow]) -> PolicyInputs:
        """Return ``input_ids_NL``, ``attention_mask_NL``, ``target_NT``, ``position_NT`` and ``prompt_end_P2``."""
        sequences = [(row.prompt_ids, response) for row in rows for response in row.response_ids]
        width = max(len(prompt) + len(response) for prompt, response in sequences)
        longest = max(len(response) for _, response in sequences)
        shape = (len(sequences), width)
        input_ids_NL = torch.zeros(shape, dtype=torch.long)
        attention_mask_NL = torch.zeros(shape, dtype=torch.long)
        target_NT = torch.zeros((len(sequences), longest), dtype=torch.long)
        position_NT = torch.zeros((len(sequences), longest), dtype=torch.long)
        for n, (prompt, response) in enumerate(sequences):
            total = len(prompt) + len(response)
            input_ids_NL[n, :total] = torch.tensor([*prompt, *response])
            attention_mask_NL[n, :total] = 1
            target_NT[n, : len(response)] = torch.tensor(response)
            position_NT[n] = torch.arange(longest).add(len(prompt) - 1).clamp(max=total - 1)
        return {
            "input_ids_NL": input_ids_NL,
            "attention_mask_NL": attention_mask_NL,
            "target_NT": target_NT,
            "position_NT": position_NT,
            "prompt_end_P2": _prompt_ends(rows),
        }

    def forward(self, lm: PreTrainedModel, inputs: PolicyInputs) -> PolicyOutput:
        """Run the model once and pick the log-probs of the response tokens."""
        output: Any = lm(
            input_ids=inputs["input_ids_NL"],
            attention_mask=inputs["attention_mask_NL"],
            output_hidden_states=True,
            use_cache=False,
            **_only_response_logits(lm, inputs),
        )
        row_P, position_P = inputs["prompt_end_P2"].unbind(-1)
        dropped = inputs["input_ids_NL"].shape[1] - output.logits.shape[1]
        return PolicyOutput(
            token_logps(output.logits, inputs["position_NT"] - dropped, inputs["target_NT"]),
            output.hidden_states[-1][row_P, position_P].detach(),
        )


def token_logps(logits_NKV: Tensor, position_NT: Tensor, target_NT: Tensor) -> Tensor:
    """Return the log-prob of ``target`` under the logits at ``position``, fp32, shape [N, T]."""
    logps: list[Tensor] = []
    for logits_KV, position_T, target_T in zip(logits_NKV, position_NT, target_NT, strict=True):
        chosen_TV = logits_KV[position_T].float()  # of one sequence: all of them would be several times the model
        logps.append(chosen_TV.gather(-1, target_T.unsqueeze(-1)).squeeze(-1) - chosen_TV.logsumexp(-1))
    return torch.stack(logps)


def _prompt_ends(rows: Sequence[TokenizedRow]) -> Tensor:
    first_branch, ends = 0, list[tuple[int, int]]()
    for row in rows:
        ends.append((first_branch, len(row.prompt_ids) - 1))
        first_branch += len(row.response_ids)
    return torch.tensor(ends)


def _only_response_logits(lm: PreTrainedModel, inputs: PolicyInputs) -> dict[str, int]:
    """Skip the logits before the shortest prompt's end where the model can."""
    if "logits_to_keep" not in inspect.signature(lm.forward).parameters or inputs["input_ids_NL"].is_cuda:
        return {}  # finding the shortest prompt would wait for the GPU
    return {"logits_to_keep": inputs["input_ids_NL"].shape[1] - int(inputs["position_NT"].min())}
