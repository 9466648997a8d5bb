"""From tokenised data to prepared rows: rewards, baselines, mismatched responses and reference log-probs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.policy import Branches
from upo_sdk.training.rows import PreparedRow, PreparedRows

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from datasets import Dataset

    from upo_sdk.scoring.score import FloatArray

__all__ = ["prepare_rows", "row_rewards", "with_reference"]


def row_rewards(rewards: Sequence[FloatArray], responses_per_row: Sequence[int]) -> list[FloatArray]:
    """Return per row an array of shape [responses, objectives] from one flat array per objective."""
    flat_NK = np.stack(rewards, axis=1) if rewards else np.zeros((sum(responses_per_row), 0))
    return np.split(flat_NK, np.cumsum(responses_per_row)[:-1])


def prepare_rows(
    dataset: Dataset, rewards: Sequence[FloatArray], baselines: FloatArray | None, *, mismatched: bool, max_length: int
) -> list[PreparedRow]:
    """Join tokens, labels and rewards; with ``mismatched``, append a response of the next row as last branch.

    The mismatched response is the next row's first response for even rows and its last for odd rows, so that both kinds
    occur equally; it is fixed by the dataset, so its reference log-prob can be cached and no batching changes it.
    """
    prompts, responses = dataset["prompt_ids"][:], dataset["response_ids"][:]
    rows: list[PreparedRow] = []
    for index, (prompt, own, desirable) in enumerate(zip(prompts, responses, dataset["desirable"][:], strict=True)):
        branches = list(own)
        if mismatched:
            other = responses[(index + 1) % len(responses)][0 if index % 2 == 0 else -1]
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


def with_reference(
    rows: Sequence[PreparedRow],
    compute: Callable[[list[Branches]], list[list[np.ndarray[tuple[int], np.dtype[np.float32]]]]] | None,
) -> PreparedRows:
    """Add reference log-probs, if there is a way to compute them."""
    if compute is None:
        return PreparedRows(rows)
    logps = compute([row.branches for row in rows])
    return PreparedRows([replace(row, reference_logps=values) for row, values in zip(rows, logps, strict=True)])
