"""The completions of a dataset as objectives see them: plain text, one after the other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from upo_sdk.data.columns import read_rows_of
from upo_sdk.data.messages import CONVERSATION_COLUMNS, load_conversation
from upo_sdk.data.numbers import read_scores
from upo_sdk.data.problems import RowError, parts_of
from upo_sdk.errors import DataError
from upo_sdk.objectives import Completion, Needs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from datasets import Dataset

    from upo_sdk.data.problems import Parts

__all__ = ["Completions", "apply_truncation", "completions"]

_NOTHING = Needs()

_KEPT_PROMPT = {"prompt": "kept_prompt", "prompt_messages": "kept_prompt_messages"}
_KEPT_RESPONSES = {"responses": "kept_responses", "response_messages": "kept_response_messages"}


def completions(dataset: Dataset, needs: Needs = _NOTHING) -> Completions:
    """Return every completion in row-major order: row 0 response 0, row 0 response 1, row 1 response 0, ...

    Of a dataset that is tokenised, texts are what truncation left of them: what the policy learns.

    Args:
        dataset: A part of :class:`PreferenceData`, or what :func:`tokenize` made of it.
        needs: What to fill besides prompt and response. For token counts the dataset must be tokenised; a count is
            that of the tokens that are left and trained, without the final end-of-sequence token.

    Raises:
        DataError: The source has no such column, or a score in it is no number.
        ValueError: Token counts are asked for and the dataset is not tokenised.
    """
    if needs.token_counts and "response_token_counts" not in dataset.column_names:
        msg = "token counts need a tokenised dataset: call tokenize() first"
        raise ValueError(msg)
    if needs.columns or needs.score_columns:
        parts = parts_of(dataset)
        for row in read_rows_of(dataset, "row", "responses", "extra"):
            _columns(row, needs, parts)
    return Completions(dataset, needs)


class Completions(Sequence[Completion]):
    """The completions of a memory-mapped dataset, made while they are read; see :func:`completions`."""

    def __init__(self, dataset: Dataset, needs: Needs) -> None:
        messages = needs.messages and "prompt_messages" in dataset.column_names
        kept = [*_KEPT_PROMPT.values(), *_KEPT_RESPONSES.values()]
        self._dataset = dataset
        self._needs = needs
        self._parts = parts_of(dataset)
        self._wanted = [
            *("row", "prompt", "responses", "extra"),
            *(["response_token_counts"] if needs.token_counts else []),
            *(CONVERSATION_COLUMNS if messages else ()),
            *(column for column in kept if column in dataset.column_names),
        ]
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
        nothing = [None] * len(row["responses"])
        counts = row.get("response_token_counts") or nothing
        left = apply_truncation(row)
        spoken = load_conversation(left) if "prompt_messages" in row else None
        messages = spoken.responses if spoken else nothing
        per_response = zip(left["responses"], _columns(row, self._needs, self._parts), counts, messages, strict=True)
        for response, columns, count, own in per_response:
            yield Completion(left["prompt"], response, columns, count, spoken and spoken.prompt, own)


def apply_truncation(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row of a dataset with what truncation left of its prompt, its responses and their messages."""
    left = dict(row)
    left |= {name: row[kept] for name, kept in _KEPT_PROMPT.items() if row.get(kept) is not None}
    for name, kept in _KEPT_RESPONSES.items():
        if row.get(kept) is not None and name in row:
            left[name] = [whole if own is None else own for whole, own in zip(row[name], row[kept], strict=True)]
    return left


def _columns(row: Mapping[str, Any], needs: Needs, parts: Parts) -> list[dict[str, object]]:
    """Return the columns of each response: those of its row, and its own scores."""
    responses = len(row["responses"])
    if not needs.columns and not needs.score_columns:
        return [{}] * responses
    extra = json.loads(row["extra"])
    where = parts.name_row(row["row"])
    shared = _extra(where, extra, needs.columns)
    try:
        scores = {name: read_scores(extra, name, responses) for name in needs.score_columns}
    except RowError as error:
        raise DataError(f"column '{error.column}': {error.reason}", where=where, fix="correct the row") from None
    return [shared | {name: values[index] for name, values in scores.items()} for index in range(responses)]


def _extra(where: str, extra: Mapping[str, Any], columns: Collection[str]) -> dict[str, object]:
    for column in columns:
        if column not in extra:
            raise DataError(
                f"an objective asks for the column '{column}'",
                where=where,
                fix=f"add it to the data; besides prompt and responses this row has: {', '.join(extra) or 'nothing'}",
            )
    return {column: extra[column] for column in columns}
