"""The completions of a dataset as objectives see them: plain text, one after the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from upo_sdk.errors import DataError
from upo_sdk.objectives import Completion

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from datasets import Dataset

__all__ = ["completions"]


def completions(
    dataset: Dataset, *, columns: Collection[str] = frozenset(), token_counts: bool = False
) -> list[Completion]:
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
    wanted = ["row", "prompt", "responses", "extra", *(["response_token_counts"] if token_counts else [])]
    rows = cast("Iterable[dict[str, Any]]", dataset.select_columns(wanted))
    return [
        Completion(row["prompt"], response, extra, row["response_token_counts"][index] if token_counts else None)
        for row in rows
        for extra in [_extra(row, columns)]
        for index, response in enumerate(row["responses"])
    ]


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
