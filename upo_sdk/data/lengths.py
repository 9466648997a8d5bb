"""How long the rows of a tokenised dataset are, and batches of them within a budget of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from upo_sdk.data.columns import read_tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from datasets import Dataset

    from upo_sdk.arrays import IntArray

__all__ = ["cut_batches", "row_lengths", "spread_by_length", "tokens_per_row"]


def row_lengths(dataset: Dataset) -> tuple[IntArray, IntArray, IntArray]:
    """Return tokens per prompt, responses per row and tokens per response."""
    import pyarrow.compute

    pc = cast("Any", pyarrow.compute)
    parts = [
        (
            pc.list_value_length(table.column("prompt_ids")).to_numpy(),
            pc.list_value_length(table.column("response_ids")).to_numpy(),
            pc.list_value_length(pc.list_flatten(table.column("response_ids"))).to_numpy(),
        )
        for table in read_tables(dataset, "prompt_ids", "response_ids")
    ]
    prompts, counts, responses = (np.concatenate(part).astype(np.int64) for part in zip(*parts, strict=True))
    return prompts, counts, responses


def tokens_per_row(dataset: Dataset) -> IntArray:
    """Return the tokens of the prompt and of all responses together, per row."""
    prompts_R, counts_R, responses_N = row_lengths(dataset)
    return prompts_R + np.add.reduceat(responses_N, np.cumsum(counts_R) - counts_R)


def spread_by_length(dataset: Dataset, count: int) -> Dataset:
    """Return the rows with the longest and the shortest sequence, then some, evenly spread over the dataset.

    A sequence is a prompt and one of its responses.
    """
    prompts_R, counts_R, responses_N = row_lengths(dataset)
    first_R = np.cumsum(counts_R) - counts_R
    longest = int((prompts_R + np.maximum.reduceat(responses_N, first_R)).argmax())
    shortest = int((prompts_R + np.minimum.reduceat(responses_N, first_R)).argmin())
    spread = np.linspace(0, len(dataset) - 1, num=min(count, len(dataset)), dtype=np.int64)
    return dataset.select(list(dict.fromkeys([longest, shortest, *spread.tolist()])))


def cut_batches(order: Iterable[int], tokens_R: Sequence[int], budget: int, *, padded: bool) -> list[list[int]]:
    """Cut an order of rows into batches of at most ``budget`` tokens; a longer row is a batch by itself.

    A batch ends where the next row would exceed the budget (next fit), so that the order of the rows is kept.

    Args:
        order: Row numbers.
        tokens_R: Tokens of every row: its prompt and all its responses.
        budget: Tokens per batch.
        padded: Count rows times the longest row of the batch, instead of the sum.
    """
    batches = list[list[int]]()
    total, longest = 0, 0
    for row in order:
        total, longest = total + tokens_R[row], max(longest, tokens_R[row])
        cost = longest * (len(batches[-1]) + 1) if padded and batches else total
        if batches and cost <= budget:
            batches[-1].append(row)
        else:
            batches.append([row])
            total = longest = tokens_R[row]
    return batches
