"""Which responses go through the reference together: by prompt, then in batches of about equal length."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.arrays import IntArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


__all__ = ["plan_batches"]


def plan_batches(
    prompt_M: IntArray,
    prompt_length_M: IntArray,
    response_length_M: IntArray,
    *,
    tokens_per_batch: int,
    tokens_per_row: int,
) -> Iterator[list[IntArray]]:
    """Yield batches of rows; a row is the indices, out of M responses, of some that have the same prompt.

    The longest come first, so that a lack of memory shows at once. A response is never left out: one that is longer
    than the limits is a row, or a batch, by itself.

    Args:
        prompt_M: A number that is equal for responses to the same prompt.
        prompt_length_M: Tokens of the prompt.
        response_length_M: Tokens of the response.
        tokens_per_batch: At most this many tokens in ``responses · longest(prompt + response)``.
        tokens_per_row: At most this many tokens in ``prompt + Σ responses``.
    """
    order_M = np.lexsort((-response_length_M, prompt_M))
    width_M = prompt_length_M + response_length_M
    starts = _row_starts(
        prompt_M[order_M], width_M[order_M], response_length_M[order_M], tokens_per_batch, tokens_per_row
    )
    starts_R = np.fromiter(starts, np.int64)
    longest_first_R = np.argsort(-width_M[order_M[starts_R[:-1]]], kind="stable")
    rows = (order_M[starts_R[row] : starts_R[row + 1]] for row in longest_first_R)
    return _grouped(rows, width_M, tokens_per_batch)


def _row_starts(
    prompt_M: IntArray,
    width_M: IntArray,
    length_M: IntArray,
    tokens_per_batch: int,
    tokens_per_row: int,
) -> Iterator[int]:
    """Yield where a row begins among responses sorted by prompt and falling length; at last their number."""
    start, tokens = 0, 0
    for index, length in enumerate(length_M):  # not a list of them: there may be millions
        tokens += int(length)
        is_new = (
            index == 0
            or prompt_M[index] != prompt_M[start]
            or tokens > tokens_per_row
            or (index - start + 1) * width_M[start] > tokens_per_batch
        )
        if is_new:
            yield index
            start, tokens = index, int(width_M[index])
    yield len(length_M)


def _grouped(rows: Iterable[IntArray], width_M: IntArray, tokens_per_batch: int) -> Iterator[list[IntArray]]:
    batch, responses = list[IntArray](), 0
    for row in rows:
        longest = width_M[(batch or [row])[0][0]]
        if batch and (responses + len(row)) * longest > tokens_per_batch:
            yield batch
            batch, responses = [], 0
        batch.append(row)
        responses += len(row)
    if batch:
        yield batch
