"""The prepared rows of a run and their collation into the tensors of one step."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch.utils.data import Dataset

if TYPE_CHECKING:
    from collections.abc import Sequence

    import datasets
    from torch import Tensor

    from upo_sdk.arrays import FloatArray, LogpArray
    from upo_sdk.data import Trained
    from upo_sdk.policy import Layout, ReferenceLogps, TokenizedRow
    from upo_sdk.training.tokenized_rows import TokenizedRows

__all__ = ["Collator", "PreparedRow", "PreparedRows", "loss_inputs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PreparedRow:
    """One dataset row with everything a step needs.

    Attributes:
        branches: Token ids; the last branch is the mismatched response if the run needs the KL estimate.
        desirable: Per response of the row (the mismatched one excluded).
        rewards: Shape [responses, auxiliary objectives].
        baseline: V(x) computed from the data, or None.
        reference_logps: Per branch, one log-prob per token; None if no objective needs them.
        mismatched: Whether the last branch is a mismatched response.
        sample_weight: The weight of the row, or None if all weigh the same.
        margin: By how much the chosen response is better, or None.
        trained: Which tokens of the branches are trained.
    """

    branches: TokenizedRow
    desirable: Sequence[bool]
    rewards: FloatArray
    reference_logps: Sequence[LogpArray] | None
    mismatched: bool
    baseline: float | None = None
    sample_weight: float | None = None
    margin: float | None = None
    trained: Trained = None


class PreparedRows(Dataset[PreparedRow]):
    """The rows of a split, for a data loader; texts, tokens and log-probs are read from memory-mapped files.

    Args:
        dataset: The tokenised split, for its labels.
        branches: Its prompts and responses; kept as an attribute of this name.
        rewards_NK: Shape [responses, auxiliary objectives], the mismatched responses excluded.
        baseline_R: V(x) computed from the data, or None.
        sample_weight_R: The weight of each row, or None if all weigh the same.
        margin_R: By how much each chosen response is better, or None.
        reference: Per row, one array of log-probs per branch; None if no objective needs them.
    """

    def __init__(
        self,
        dataset: datasets.Dataset,
        branches: TokenizedRows,
        rewards_NK: FloatArray,
        *,
        baseline_R: FloatArray | None = None,
        sample_weight_R: FloatArray | None = None,
        margin_R: FloatArray | None = None,
        reference: ReferenceLogps | None = None,
    ) -> None:
        self._labels = dataset.select_columns("desirable")
        self.branches = branches
        self._rewards_NK = rewards_NK
        self._end_R = np.cumsum(branches.own_counts_R)
        numbers = {"baseline": baseline_R, "sample_weight": sample_weight_R, "margin": margin_R}
        self._numbers = {name: values_R for name, values_R in numbers.items() if values_R is not None}
        self._reference = reference

    def __len__(self) -> int:
        return len(self.branches)

    def __getitem__(self, index: int) -> PreparedRow:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[PreparedRow]:
        """Return the rows of a batch; what data loaders call."""
        rows = [range(len(self))[index] for index in indices]
        labels = cast("dict[str, list[list[bool]]]", self._labels[rows])["desirable"]
        return [
            self._row(index, branches, trained, desirable)
            for index, branches, trained, desirable in zip(
                rows, self.branches.fetch(rows), self.branches.fetch_trained(rows), labels, strict=True
            )
        ]

    def _row(self, index: int, branches: TokenizedRow, trained: Trained, desirable: Sequence[bool]) -> PreparedRow:
        end = self._end_R[index]
        numbers = {name: float(values_R[index]) for name, values_R in self._numbers.items()}
        return PreparedRow(
            branches=branches,
            desirable=desirable,
            rewards=self._rewards_NK[end - len(desirable) : end],
            reference_logps=None if self._reference is None else self._reference[index],
            mismatched=len(branches.response_ids) > len(desirable),
            trained=trained,
            **numbers,
        )


class Collator:
    """Turns rows into the inputs of the forward (``policy``) and of the ``loss``, and counts ``rows`` and ``tokens``.

    ``weight`` is the sum of the rows' weights, their number if all weigh the same.
    All indices are made here, so that no step waits for the device to find out which completions are which.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __call__(self, rows: Sequence[PreparedRow]) -> dict[str, Any]:
        """Collate a batch."""
        policy = self.layout.collate([row.branches for row in rows])
        tokens = sum(len(row.branches.prompt_ids) + sum(map(len, row.branches.response_ids)) for row in rows)
        weight = sum(1.0 if row.sample_weight is None else row.sample_weight for row in rows)
        counts = {"rows": len(rows), "tokens": tokens, "weight": weight}
        return {"policy": policy, "loss": loss_inputs(rows), **counts}


def loss_inputs(rows: Sequence[PreparedRow]) -> dict[str, Tensor]:
    """Return the tensors that :class:`Step` reads beside the policy's output."""
    completion_N, mismatched_K, prompt_N, desirable_N = list[int](), list[int](), list[int](), list[bool]()
    chosen_B, rejected_B = list[int](), list[int]()
    position = 0
    for prompt, row in enumerate(rows):
        if len(row.desirable) > 1:
            chosen_B.append(len(completion_N))
            rejected_B.append(len(completion_N) + 1)
        for desirable in row.desirable:
            completion_N.append(position)
            prompt_N.append(prompt)
            desirable_N.append(desirable)
            position += 1
        if row.mismatched:
            mismatched_K.append(position)
            position += 1
    tensors = {
        "completion_N": torch.tensor(completion_N),
        "prompt_N": torch.tensor(prompt_N),
        "desirable_N": torch.tensor(desirable_N),
        "mask_NT": _trained_tokens(rows),
        "rewards_NK": torch.from_numpy(np.concatenate([row.rewards for row in rows])).float(),
    }
    if chosen_B:
        tensors |= {"chosen_B": torch.tensor(chosen_B), "rejected_B": torch.tensor(rejected_B)}
    if mismatched_K:
        tensors["mismatched_K"] = torch.tensor(mismatched_K)
    numbers = {
        "baseline_P": [row.baseline for row in rows],
        "sample_weight_P": [row.sample_weight for row in rows],
        "margin_B": [row.margin for row in rows],
    }
    tensors |= {
        name: torch.tensor(values, dtype=torch.float32) for name, values in numbers.items() if values[0] is not None
    }
    references = [logps for row in rows for logps in row.reference_logps or ()]
    if references:
        tensors["reference_NT"] = torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(logps.copy()) for logps in references], batch_first=True
        )
    return tensors


def _trained_tokens(rows: Sequence[PreparedRow]) -> Tensor:
    """Return which tokens of the responses count, bool, shape [N, T]."""
    lengths = torch.tensor([len(response) for row in rows for response in row.branches.response_ids])
    mask_NT = torch.arange(int(lengths.max())).unsqueeze(0) < lengths.unsqueeze(-1)
    branch = 0
    for row in rows:
        for response, places in zip_longest(row.branches.response_ids, row.trained or ()):
            if places is not None:
                mask_NT[branch] = False
                for start, end in zip(places[::2], places[1::2], strict=True):
                    mask_NT[branch, start : min(end, len(response))] = True
            branch += 1
    return mask_NT
