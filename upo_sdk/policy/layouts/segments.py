"""All sequences of a batch in one row without padding, behind attention by segments instead of a mask."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import torch

from upo_sdk.policy.cpu_kernels.segment_attention import NAME, Segment
from upo_sdk.policy.cpu_kernels.tied_weight import embed
from upo_sdk.policy.dropout import has_own_dropout
from upo_sdk.policy.layouts.base import PolicyInputs, PolicyOutput, Reading, TokenizedRow, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

__all__ = ["SegmentLayout"]


class SegmentLayout:
    """``[prompt | chosen | rejected | prompt | chosen | ...]`` in one row; every token that predicts is fed once.

    For models on a CPU whose attention goes through transformers' interface, without window, soft-cap, sinks or
    dropout. The model's attention is set to one that is SDPA wherever no segments are given.

    Args:
        name: How it is reported.
        shared: Compute a prompt once for all its responses; else every response has its own copy of the prompt.
    """

    def __init__(self, name: str, *, shared: bool) -> None:
        self.name = name
        self._shared = shared

    def collate(self, rows: Sequence[TokenizedRow]) -> PolicyInputs:
        """Return ``ids_1S``, ``position_1S``, ``ends_QB`` (see :func:`_segments`), ``read_U`` and a reading's tensors.

        ``U`` counts the distinct positions that anything is read from.
        """
        sequences = list(rows) if self._shared else [TokenizedRow(p, [r]) for p, responses in rows for r in responses]
        ids, positions, reading = list[int](), list[int](), Reading(rows)
        ends = list[list[int]]()
        first_of_its_row = [n == 0 for row in rows for n in range(1 if self._shared else len(row.response_ids))]
        for (prompt_ids, response_ids), first in zip(sequences, first_of_its_row, strict=True):
            parts = [prompt_ids, *(response[:-1] for response in response_ids)]
            ends.append([len(ids) + end for end in accumulate(map(len, parts))])
            if first:
                reading.add_prompt(ends[-1][0] - 1)
            for start, response in zip(ends[-1], response_ids, strict=False):
                reading.add_response(ends[-1][0] - 1, start, len(response))
            for part in parts:
                ids.extend(part)
            positions.extend(range(len(prompt_ids)))
            for part in parts[1:]:
                positions.extend(range(len(prompt_ids), len(prompt_ids) + len(part)))
        widest = max(map(len, ends))
        read_from = reading.tensors()
        return {
            "ids_1S": torch.tensor([ids]),
            "position_1S": torch.tensor([positions]),
            "ends_QB": torch.tensor([row + row[-1:] * (widest - len(row)) for row in ends]),
            "read_U": torch.unique(read_from["source_M"]),
            **read_from,
        }

    def forward(self, lm: PreTrainedModel, inputs: PolicyInputs) -> PolicyOutput:
        """Run the trunk once, the head where a response token is predicted."""
        use_segments(lm)
        embedded = embed(lm, inputs["ids_1S"])
        output: Any = lm.base_model(
            inputs_embeds=embedded.hidden,
            attention_mask=torch.zeros(1, 1, 1, 1),  # a mask of four dimensions is passed on as it is
            position_ids=inputs["position_1S"],
            use_cache=False,
            segments=_segments(inputs["ends_QB"]),
            read_U=inputs["read_U"],
        )
        return read(lm, output.last_hidden_state.flatten(0, 1), inputs, embedded.head_VH)


def use_segments(lm: PreTrainedModel) -> None:
    """Let the model attend by segments where it is given some.

    Raises:
        NotImplementedError: It is not on a CPU, does not use SDPA, or drops attention out.
    """
    config: Any = lm.config
    implementation = config._attn_implementation  # noqa: SLF001 - it has no other name
    if implementation == NAME:
        return
    if lm.device.type != "cpu" or implementation != "sdpa":
        msg = f"attention by segments, which '{implementation}' on {lm.device.type} has not"
        raise NotImplementedError(msg)
    if has_own_dropout(lm):
        msg = "attention by segments, which has no dropout"
        raise NotImplementedError(msg)
    lm.set_attn_implementation(NAME)


def _segments(ends_QB: torch.Tensor) -> list[Segment]:
    """Read where prompts and responses end: a row per sequence, its last end repeated to one width."""
    segments, start = list[Segment](), 0
    for ends in ends_QB.tolist():
        segments.append(Segment(start, ends))
        start = ends[-1]
    return segments
