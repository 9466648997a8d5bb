"""The completions of a dataset as objectives see them: plain text, one after the other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

from upo_sdk.data.problems import RowError
from upo_sdk.data.scores import read_scores
from upo_sdk.errors import DataError
from upo_sdk.objectives import Completion, Needs

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from datasets import Dataset

__all__ = ["completions"]

_NOTHING = Needs()


def completions(dataset: Dataset, needs: Needs = _NOTHING) -> list[Completion]:
    """Return every completion in row-major order: row 0 response 0, row 0 response 1, row 1 response 0, ...

    Texts are whole even where the tokens were truncated.

    Args:
        dataset: A part of :class:`PreferenceData`, or what :func:`tokenize` made of it.
        needs: What to fill besides prompt and response. For token counts the dataset must be tokenised; a count is
            that of the whole response, before truncation and without the final end-of-sequence token.

    Raises:
        DataError: The source has no such column, or a score in it is no number.
        ValueError: Token counts are asked for and the dataset is not tokenised.
    """
    if needs.token_counts and "response_token_counts" not in dataset.column_names:
        msg = "token counts need a tokenised dataset: call tokenize() first"
        raise ValueError(msg)
    messages = needs.messages and "prompt_messages" in dataset.column_names
    wanted = [
        *("row", "prompt", "responses", "extra"),
        *(["response_token_counts"] if needs.token_counts else []),
        *(["prompt_messages", "response_messages"] if messages else []),
    ]
    rows = cast("Iterable[dict[str, Any]]", dataset.select_columns(wanted))
    return [
        Completion(
            row["prompt"],
            response,
            columns,
            row["response_token_counts"][index] if needs.token_counts else None,
            row["prompt_messages"] if messages else None,
            row["response_messages"][index] if messages else None,
        )
        for row in rows
        for index, (response, columns) in enumerate(zip(row["responses"], _columns(row, needs), strict=True))
    ]


def _columns(row: Mapping[str, Any], needs: Needs) -> list[dict[str, object]]:
    """Return the columns of each response: those of its row, and its own scores."""
    responses = len(row["responses"])
    if not needs.columns and not needs.score_columns:
        return [{}] * responses
    extra = json.loads(row["extra"])
    shared = _extra(row, extra, needs.columns)
    try:
        scores = {name: read_scores(extra, name, responses) for name in needs.score_columns}
    except RowError as error:
        raise DataError(
            f"column '{error.column}': {error.reason}", where=f"row {row['row']}", fix="correct the row"
        ) from None
    return [shared | {name: values[index] for name, values in scores.items()} for index in range(responses)]


def _extra(row: Mapping[str, Any], extra: Mapping[str, Any], columns: Collection[str]) -> dict[str, object]:
    for column in columns:
        if column not in extra:
            raise DataError(
                f"an objective asks for the column '{column}'",
                where=f"row {row['row']}",
                fix=f"add it to the data; besides prompt and responses this row has: {', '.join(extra) or 'nothing'}",
            )
    return {column: extra[column] for column in columns}
