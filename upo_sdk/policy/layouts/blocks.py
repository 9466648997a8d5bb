"""Several sequences in one row behind a block-structured mask: shared prompts, packed rows, or both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from upo_sdk.policy.layouts.base import PolicyInputs, PolicyOutput, Reading, TokenizedRow, fed_tokens, read
from upo_sdk.policy.layouts.masks import TokenPositions, attention_masks
from upo_sdk.policy.layouts.packing import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedModel

__all__ = ["BlockLayout"]


class BlockLayout:
    """``[prompt | chosen | rejected]`` and any number of further branches, the prompt computed once.

    The last token of a response predicts nothing and is left out. Position ids of every branch continue where the
    prompt
    ends. For models whose attention takes a 4-D mask; what that means for a model is checked at the start of a run.
    Sharing follows arXiv 2410.20305.

    Args:
        name: How it is reported.
        shared: Compute a prompt once for all its responses; else every response has its own copy of the prompt.
        packed: Let short sequences share a row; else every sequence has a row.
    """

    def __init__(self, name: str, *, shared: bool, packed: bool) -> None:
        self.name = name
        self._shared = shared
        self._packed = packed

    def collate(self, rows: Sequence[TokenizedRow]) -> PolicyInputs:
        """Return ``ids_RL``, ``sequence_RL``, ``branch_RL``, ``position_RL`` and what :class:`Reading` collects."""
        sequences = list(rows) if self._shared else [TokenizedRow(p, [r]) for p, responses in rows for r in responses]
        lengths = [fed_tokens(sequence) for sequence in sequences]
        packed = pack(lengths) if self._packed else [[index] for index in range(len(sequences))]
        grid = _Grid(len(packed), max(lengths))
        starts = grid.starts(packed, lengths)
        reading = Reading(rows)
        first_of_its_row = [n == 0 for row in rows for n in range(1 if self._shared else len(row.response_ids))]
        for index, (prompt_ids, response_ids) in enumerate(sequences):
            end = grid.write(starts[index], prompt_ids, sequence=index, branch=0, position=0)
            if first_of_its_row[index]:
                reading.add_prompt(end - 1)
            after = end
            for branch, response in enumerate(response_ids, start=1):
                reading.add_response(end - 1, after, len(response))
                after = grid.write(after, response[:-1], sequence=index, branch=branch, position=len(prompt_ids))
        return {**grid.tensors(), **reading.tensors()}

    def forward(self, lm: PreTrainedModel, inputs: PolicyInputs) -> PolicyOutput:
        """Run the trunk once, the head where a response token is predicted."""
        places = TokenPositions(inputs["sequence_RL"], inputs["branch_RL"], inputs["position_RL"])
        output: Any = lm.base_model(
            input_ids=inputs["ids_RL"],
            attention_mask=attention_masks(lm.config, places, _compute_dtype(lm)),
            position_ids=inputs["position_RL"],
            use_cache=False,
        )
        return read(lm, output.last_hidden_state.flatten(0, 1), inputs)


def _compute_dtype(lm: PreTrainedModel) -> torch.dtype:
    kind = lm.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else lm.dtype


class _Grid:
    """The rows of a batch while they are filled; places are counted through all rows, as in a flat [R · L]."""

    def __init__(self, rows: int, length: int) -> None:
        self._shape = (rows, length)
        ids, sequence, branch, position = (np.zeros(rows * length, dtype=np.int64) for _ in range(4))
        sequence -= 1
        self._ids, self._sequence, self._branch, self._position = ids, sequence, branch, position

    def starts(self, packed: Sequence[Sequence[int]], lengths: Sequence[int]) -> dict[int, int]:
        """Return where each sequence begins."""
        starts = dict[int, int]()
        for row, members in enumerate(packed):
            place = row * self._shape[1]
            for index in members:
                starts[index] = place
                place += lengths[index]
        return starts

    def write(self, start: int, ids: Sequence[int], *, sequence: int, branch: int, position: int) -> int:
        """Write consecutive tokens whose first position id is ``position``, and return the place behind them."""
        end = start + len(ids)
        self._ids[start:end] = ids
        self._sequence[start:end] = sequence
        self._branch[start:end] = branch
        self._position[start:end] = np.arange(position, position + len(ids))
        return end

    def tensors(self) -> PolicyInputs:
        named = {"ids": self._ids, "sequence": self._sequence, "branch": self._branch, "position": self._position}
        return {f"{name}_RL": torch.from_numpy(values).view(self._shape) for name, values in named.items()}
