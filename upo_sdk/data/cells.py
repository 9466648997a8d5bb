"""Messages that stand in a cell as text, as JSON or as Python prints them: CSV files can hold them in no other way."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from upo_sdk.data.problems import RowError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = ["columns_of_messages", "parse_cell", "read_cells"]

_MESSAGES = re.compile(r"""\s*(array\()?\[?\s*\{\s*['"](role|content|from|value)['"]\s*:""")
_UNREADABLE = (
    "looks like messages and is neither JSON nor a Python literal: write the column with json.dumps, "
    "or the file as JSON Lines"
)


def columns_of_messages(sample: Sequence[Mapping[str, Any]], columns: Collection[str]) -> frozenset[str]:
    """Return the columns whose cells are text that begins like messages, in every row of the sample that has text."""
    return frozenset(column for column in columns if _holds_messages([row.get(column) for row in sample]))


def read_cells(row: Mapping[str, Any], columns: Collection[str]) -> Mapping[str, Any]:
    """Return a row with the messages of these columns read; nothing is executed.

    Raises:
        RowError: A cell is not empty and cannot be read.
    """
    texts = {column: row[column] for column in columns if isinstance(row.get(column), str)}
    return {**row, **{column: parse_cell(text, column, _UNREADABLE) for column, text in texts.items()}}


def _holds_messages(cells: list[Any]) -> bool:
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
    return bool(texts) and all(_MESSAGES.match(text) for text in texts)


def parse_cell(text: str, column: str, wrong: str) -> Any:
    """Return what a text holds, as JSON or as a Python literal; an empty text holds nothing.

    Raises:
        RowError: It is neither, so it is ``wrong``.
    """
    if not text.strip():
        return None
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    raise RowError(column, wrong)
