"""The prompt once, its keys and values handed to every response: sharing for models that take no 4-D mask."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.policy.layouts.base import PolicyInputs, PolicyOutput, Reading, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from upo_sdk.policy.layouts.base import TokenizedRow

__all__ = ["PrefixCacheLayout"]


class PrefixCacheLayout:
    """Two passes of the trunk: ``[padding | prompt]``, then every ``[response | padding]`` on its prompt's cache.

    Gradients flow through the cache. Activation checkpointing turns caches off, so the two do not go together. The
    last token of a response predicts nothing and is left out.
    """

    name = "prefix-cache"

    def collate(self, rows: Sequence[TokenizedRow]) -> PolicyInputs:
        """Return prompts ``*_PL`` padded on the left, responses ``*_NT`` on the right, and ``prompt_N``."""
        width = max(len(row.prompt_ids) for row in rows)
        fed = [response[:-1] for row in rows for response in row.response_ids]
        length = max(1, *map(len, fed))
        before = [width - len(row.prompt_ids) for row in rows]
        prompt_N = [p for p, row in enumerate(rows) for _ in row.response_ids]
        ids_PL = torch.tensor([[0] * pad + list(row.prompt_ids) for pad, row in zip(before, rows, strict=True)])
        place_L = torch.arange(width)
        before_P1 = torch.tensor(before).unsqueeze(-1)
        mask_PL = (place_L >= before_P1).long()
        mask_response_NT = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in fed])
        prompt_N_ = torch.tensor(prompt_N)
        return {
            "prompt_ids_PL": ids_PL,
            "prompt_mask_PL": mask_PL,
            "prompt_position_PL": (place_L - before_P1).clamp(min=0),
            "response_ids_NT": torch.tensor([list(ids) + [0] * (length - len(ids)) for ids in fed]),
            "whole_mask_NL": torch.cat([mask_PL[prompt_N_], mask_response_NT], dim=-1),
            "response_position_NT": (width - before_P1)[prompt_N_] + torch.arange(length),
            "prompt_N": prompt_N_,
            **_reading(rows, width, length).tensors(),
        }

    def forward(self, lm: PreTrainedModel, inputs: PolicyInputs) -> PolicyOutput:
        """Run the trunk on the prompts, then on the responses."""
        model = lm.base_model
        prompt: Any = model(
            input_ids=inputs["prompt_ids_PL"],
            attention_mask=inputs["prompt_mask_PL"],
            position_ids=inputs["prompt_position_PL"],
            use_cache=True,
        )
        prompt.past_key_values.batch_select_indices(inputs["prompt_N"])
        response: Any = model(
            input_ids=inputs["response_ids_NT"],
            attention_mask=inputs["whole_mask_NL"],
            position_ids=inputs["response_position_NT"],
            past_key_values=prompt.past_key_values,
            use_cache=True,
        )
        hidden = (prompt.last_hidden_state.flatten(0, 1), response.last_hidden_state.flatten(0, 1))
        return read(lm, torch.cat(hidden), inputs)


def _reading(rows: Sequence[TokenizedRow], width: int, length: int) -> Reading:
    """Prompts end at the end of their rows; the responses' hidden states follow those of all prompts."""
    reading, start = Reading(rows), len(rows) * width
    for p, row in enumerate(rows):
        end = (p + 1) * width - 1
        reading.add_prompt(end)
        for response in row.response_ids:
            reading.add_response(end, start, len(response))
            start += length
    return reading
