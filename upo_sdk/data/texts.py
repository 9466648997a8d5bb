"""The completions of a dataset as objectives see them: plain text, one after the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from upo_sdk.data.columns import read_rows_of
from upo_sdk.errors import DataError
from upo_sdk.objectives import Completion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from datasets import Dataset

__all__ = ["Completions", "completions"]


def completions(dataset: Dataset, *, columns: Collection[str] = frozenset(), token_counts: bool = False) -> Completions:
    """Return every completion in row-major order: row 0 response 0, row 0 response 1, row 1 response 0, ...

    Texts are whole even where the tokens were truncated.

    Args:
        dataset: A part of :class:`PreferenceData`, or what :func:`tokenize` made of it.
        columns: Columns of the source to hand over in ``Completion.columns``.
        token_counts: Fill ``Completion.token_count``; the dataset must be tokenised. The count is that of the whole
            response, before truncation and without the final end-of-sequence token.

    Raises:
        DataError: The source has no such column.
        ValueError: Token counts are asked for and the dataset is not tokenised.
    """
    if token_counts and "response_token_counts" not in dataset.column_names:
        msg = "token counts need a tokenised dataset: call tokenize() first"
        raise ValueError(msg)
    if columns:
        for row in read_rows_of(dataset, "row", "extra"):
            _extra(row, columns)
    return Completions(dataset, frozenset(columns), token_counts=token_counts)


class Completions(Sequence[Completion]):
    """The completions of a memory-mapped dataset, made while they are read; see :func:`completions`."""

    def __init__(self, dataset: Dataset, columns: frozenset[str], *, token_counts: bool) -> None:
        self._dataset = dataset
        self._wanted = ["row", "prompt", "responses", "extra", *(["response_token_counts"] if token_counts else [])]
        self._columns = columns
        self._end_R = np.cumsum([len(row["desirable"]) for row in read_rows_of(dataset, "desirable")])

    def __len__(self) -> int:
        return int(self._end_R[-1])

    def __iter__(self) -> Iterator[Completion]:
        for row in read_rows_of(self._dataset, *self._wanted):
            yield from self._of(row)

    @overload
    def __getitem__(self, index: int) -> Completion: ...
    @overload
    def __getitem__(self, index: slice) -> list[Completion]: ...
    def __getitem__(self, index: int | slice) -> Completion | list[Completion]:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        row = int(np.searchsorted(self._end_R, at, side="right"))
        read = next(read_rows_of(self._dataset.select([row]), *self._wanted))
        return list(self._of(read))[at - int(self._end_R[row])]  # counted from the row's end

    def _of(self, row: Mapping[str, Any]) -> Iterator[Completion]:
        extra = _extra(row, self._columns)
        counts = row.get("response_token_counts") or [None] * len(row["responses"])
        for response, count in zip(row["responses"], counts, strict=True):
            yield Completion(row["prompt"], response, extra, count)


def _extra(row: Mapping[str, Any], columns: Collection[str]) -> dict[str, object]:
    if not columns:
        return {}
    extra = json.loads(row["extra"])
    for column in columns:
        if column not in extra:
            raise DataError(
                f"an objective asks for the column '{column}'",
                where=f"row {row['row']}",
                fix=f"add it to the data; besides prompt and responses this row has: {', '.join(extra) or 'nothing'}",
            )
    return {column: extra[column] for column in columns}
