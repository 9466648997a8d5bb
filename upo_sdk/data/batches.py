"""Cutting an order of rows into batches whose tokens stay within a budget."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["cut_batches"]


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
