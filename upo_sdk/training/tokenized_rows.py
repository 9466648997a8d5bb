"""The prompts and responses of a tokenised split as the policy reads them, fetched from the memory-mapped data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from upo_sdk.cache import content_key
from upo_sdk.data.columns import content_name, read_tables, sha256_array
from upo_sdk.data.lengths import row_lengths
from upo_sdk.policy import TokenizedRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    import datasets

    from upo_sdk.arrays import BoolArray, IntArray
    from upo_sdk.data import Trained

__all__ = ["TokenizedRows"]

_TRAINED = "response_trained"


class TokenizedRows:
    """TokenizedRow by row; only numbers per row and response are held in memory.

    With ``mismatched``, a response to another prompt is the last branch of every row: a response of the next row whose
    prompt differs, in turns the first one and the last one, so that both kinds occur equally. Neighbours with the same
    prompt get the same one, so that a row that is there twice is a row of weight 2. It is fixed by the dataset, so its
    reference log-prob can be cached and no batching changes it.

    Args:
        dataset: A tokenised split.
        mismatched: Whether the run needs the KL estimate.
        max_length: Tokens of prompt and response together; a mismatched response is cut to it.

    Attributes:
        fingerprint: What identifies the content.
        prompt_lengths_R: Tokens per prompt.
        own_counts_R: Responses per row, the mismatched one excluded.
        response_counts_R: TokenizedRow per row.
        response_lengths_N: Tokens per branch, row by row.
    """

    def __init__(self, dataset: datasets.Dataset, *, mismatched: bool, max_length: int) -> None:
        self.fingerprint = content_key("branches", 2, content_name(dataset), mismatched, max_length).hex()
        self._tokens = dataset.select_columns(["prompt_ids", "response_ids"])
        self._trained = dataset.select_columns([_TRAINED]) if _TRAINED in dataset.column_names else None
        self._max_length = max_length
        self.prompt_lengths_R, self.own_counts_R, own_lengths_N = row_lengths(self._tokens)
        self.response_counts_R, self.response_lengths_N = self.own_counts_R, own_lengths_N
        self._other_R: IntArray | None = None
        if mismatched:
            numbers = _prompt_numbers(self._tokens)
            self._other_R, self._from_first_R = _next_with_another(numbers), _in_turns(numbers)
            end_R = np.cumsum(self.own_counts_R)
            last_R = end_R - 1
            first_R = end_R - self.own_counts_R
            chosen_R = np.where(self._from_first_R, first_R[self._other_R], last_R[self._other_R])
            room_R = np.maximum(1, max_length - self.prompt_lengths_R)
            self.response_counts_R = self.own_counts_R + 1
            self.response_lengths_N = np.insert(own_lengths_N, end_R, np.minimum(own_lengths_N[chosen_R], room_R))

    def __len__(self) -> int:
        return len(self._tokens)

    def fetch(self, rows: Sequence[int]) -> list[TokenizedRow]:
        """Return the branches of some rows."""
        if self._other_R is None:
            return self._read(rows)
        others = self._other_R[list(rows)].tolist()
        return [
            self._with_mismatched(row, own, other)
            for row, own, other in zip(rows, self._read(rows), self._read(others), strict=True)
        ]

    def fetch_trained(self, rows: Sequence[int]) -> list[Trained]:
        """Return which tokens of the branches of some rows are trained, in line with :meth:`fetch`."""
        if self._trained is None:
            return [None] * len(rows)
        own = cast("list[Trained]", self._trained[list(rows)][_TRAINED])
        if self._other_R is None:
            return own
        others = cast("list[Trained]", self._trained[self._other_R[list(rows)].tolist()][_TRAINED])
        return [
            [*(mine or [None] * int(self.own_counts_R[row])), (other or [None, None])[self._which(row)]]
            for row, mine, other in zip(rows, own, others, strict=True)
        ]

    def _read(self, rows: Sequence[int]) -> list[TokenizedRow]:
        read = cast("dict[str, list[Any]]", self._tokens[list(rows)])
        return [TokenizedRow(*row) for row in zip(read["prompt_ids"], read["response_ids"], strict=True)]

    def _with_mismatched(self, row: int, own: TokenizedRow, other: TokenizedRow) -> TokenizedRow:
        mismatched = other.response_ids[self._which(row)][: max(1, self._max_length - len(own.prompt_ids))]
        return TokenizedRow(own.prompt_ids, [*own.response_ids, mismatched])

    def _which(self, row: int) -> int:
        """Return which response of another row is the mismatched one of a row."""
        return 0 if self._from_first_R[row] else -1


def _prompt_numbers(tokens: datasets.Dataset) -> IntArray:
    """Return a number per row; rows have the same number exactly if they have the same prompt tokens."""
    prompts = (ids for table in read_tables(tokens, "prompt_ids") for ids in table.column(0))
    digests = sha256_array((ids.values.to_numpy().tobytes() for ids in prompts), len(tokens))
    return np.unique(digests, return_inverse=True)[1]


def _in_turns(number_R: IntArray) -> BoolArray:
    """Return true for the first row and after every second change of the number."""
    changes_R = np.diff(number_R, prepend=number_R[:1]) != 0
    is_first_R: BoolArray = np.cumsum(changes_R) % 2 == 0
    return is_first_R


def _next_with_another(number_R: IntArray) -> IntArray:
    """Return per row the index of the next row, around the end, whose number differs; the next row if none does."""
    rows = np.arange(len(number_R))
    changed = np.flatnonzero(number_R != np.roll(number_R, 1))
    if not len(changed):
        return np.roll(rows, -1)
    return changed[np.searchsorted(changed, rows, side="right") % len(changed)]
