"""The prepared rows of a run and their collation into the tensors of one step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import Dataset

from upo_sdk.policy import Branches

if TYPE_CHECKING:
    from collections.abc import Sequence

    import datasets
    from torch import Tensor

    from upo_sdk.policy import Layout

__all__ = ["Collator", "PreparedRow", "PreparedRows", "prepare_rows"]


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
    """

    branches: Branches
    desirable: Sequence[bool]
    rewards: np.ndarray[Any, np.dtype[np.float64]]
    baseline: float | None
    reference_logps: Sequence[np.ndarray[Any, np.dtype[np.float32]]] | None
    mismatched: bool


def prepare_rows(
    dataset: datasets.Dataset,
    rewards: Sequence[np.ndarray[Any, np.dtype[np.float64]]],
    baselines: np.ndarray[Any, np.dtype[np.float64]] | None,
    *,
    mismatched: bool,
    max_length: int,
) -> list[PreparedRow]:
    """Join tokens, labels and rewards; with ``mismatched``, append a response to another prompt as last branch.

    It is a response of the next row whose prompt differs: the first one for even rows, the last one for odd rows, so
    that both kinds occur equally. It is fixed by the dataset, so its reference log-prob can be cached and no batching
    changes it.
    """
    prompts, responses = dataset["prompt_ids"][:], dataset["response_ids"][:]
    others = _next_with_another_prompt(prompts) if mismatched else []
    rows: list[PreparedRow] = []
    for index, (prompt, own, desirable) in enumerate(zip(prompts, responses, dataset["desirable"][:], strict=True)):
        branches = list(own)
        if mismatched:
            other = responses[others[index]][0 if index % 2 == 0 else -1]
            branches.append(other[: max(1, max_length - len(prompt))])
        rows.append(
            PreparedRow(
                branches=Branches(prompt, branches),
                desirable=desirable,
                rewards=rewards[index],
                baseline=None if baselines is None else float(baselines[index]),
                reference_logps=None,
                mismatched=mismatched,
            )
        )
    return rows


def _next_with_another_prompt(prompts: Sequence[Sequence[int]]) -> list[int]:
    """Return per row the index of the next row, around the end, whose prompt differs; the next row if none does."""
    count = len(prompts)
    following = [(index + 1) % count for index in range(count)]
    found = list(following)
    for index in reversed(range(2 * count)):  # twice around, so that the search passes the end
        row, after = index % count, following[index % count]
        found[row] = after if prompts[after] != prompts[row] else found[after]
    return [other if prompts[other] != prompts[row] else following[row] for row, other in enumerate(found)]


class PreparedRows(Dataset[PreparedRow]):
    """The rows of a split, for a data loader."""

    def __init__(self, rows: Sequence[PreparedRow]) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> PreparedRow:
        return self._rows[index]


class Collator:
    """Turns prepared rows into ``{"policy": ..., "loss": ..., "rows": B}``: inputs of the forward and of the loss.

    All indices are made here, so that no step waits for the device to find out which completions are which.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def __call__(self, rows: Sequence[PreparedRow]) -> dict[str, Any]:
        """Collate a batch."""
        policy = self.layout.collate([row.branches for row in rows])
        return {"policy": policy, "loss": _loss_inputs(rows), "rows": len(rows)}


def _loss_inputs(rows: Sequence[PreparedRow]) -> dict[str, Tensor]:
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
    lengths = [len(response) for row in rows for response in row.branches.response_ids]
    tensors = {
        "completion_N": torch.tensor(completion_N),
        "prompt_N": torch.tensor(prompt_N),
        "desirable_N": torch.tensor(desirable_N),
        "mask_NT": torch.arange(max(lengths)).unsqueeze(0) < torch.tensor(lengths).unsqueeze(-1),
        "rewards_NK": torch.from_numpy(np.concatenate([row.rewards for row in rows])).float(),
    }
    if chosen_B:
        tensors |= {"chosen_B": torch.tensor(chosen_B), "rejected_B": torch.tensor(rejected_B)}
    if mismatched_K:
        tensors["mismatched_K"] = torch.tensor(mismatched_K)
    if rows[0].baseline is not None:
        tensors["baseline_P"] = torch.tensor([row.baseline for row in rows], dtype=torch.float32)
    references = [logps for row in rows for logps in row.reference_logps or ()]
    if references:
        tensors["reference_NT"] = torch.nn.utils.rnn.pad_sequence(
            [torch.from_numpy(logps.copy()) for logps in references], batch_first=True
        )
    return tensors
