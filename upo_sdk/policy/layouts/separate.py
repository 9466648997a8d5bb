"""Every response in its own row after its prompt; the head still runs only where its output is used."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.policy.layouts.base import PolicyInputs, PolicyOutput, Reading, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

    from upo_sdk.policy.layouts.base import TokenizedRow

__all__ = ["SeparateLayout"]


class SeparateLayout:
    """``[prompt | response | padding]``, one sequence per branch; for models that take no other attention mask."""

    name = "separate"

    def collate(self, rows: Sequence[TokenizedRow]) -> PolicyInputs:
        """Return ``ids_NL``, ``mask_NL`` and what :class:`Reading` collects."""
        fed = [[*row.prompt_ids, *response[:-1]] for row in rows for response in row.response_ids]
        length = max(map(len, fed))
        ids_NL = torch.tensor([ids + [0] * (length - len(ids)) for ids in fed])
        mask_NL = torch.tensor([[1] * len(ids) + [0] * (length - len(ids)) for ids in fed])
        reading, start = Reading(rows), 0
        for row in rows:
            end = len(row.prompt_ids)
            reading.add_prompt(start + end - 1)
            for response in row.response_ids:
                reading.add_response(start + end - 1, start + end, len(response))
                start += length
        return {"ids_NL": ids_NL, "mask_NL": mask_NL, **reading.tensors()}

    def forward(self, lm: PreTrainedModel, inputs: PolicyInputs) -> PolicyOutput:
        """Run the trunk once, the head where a response token is predicted."""
        output: Any = lm.base_model(input_ids=inputs["ids_NL"], attention_mask=inputs["mask_NL"], use_cache=False)
        return read(lm, output.last_hidden_state.flatten(0, 1), inputs)
