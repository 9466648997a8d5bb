"""Messages that stand in a cell as text, as JSON or as Python prints them: CSV files can hold them in no other way."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from upo_sdk.data.problems import RowError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

__all__ = ["check_no_messages", "columns_of_messages", "parse_cell", "read_cells"]

_OBJECT = re.compile(r"""\s*(array\()?\[?\s*\{\s*['"]""")
_MESSAGES = re.compile(_OBJECT.pattern + r"""(role|content|from|value)['"]\s*:""")
_MIXED = "and other rows of this column do not: write all rows as messages, or all as plain text"
_NOTHING = object()
"""What a text holds that cannot be read; null can."""
_UNREADABLE = (
    "looks like messages, but is neither JSON nor a Python literal: write the column with json.dumps, "
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
    return {**row, **{column: _parse_messages(text, column) for column, text in texts.items()}}


def check_no_messages(row: Mapping[str, Any], columns: Collection[str]) -> None:
    """Check that no text of these columns, which hold plain text, is a list of messages.

    Raises:
        RowError: One is.
    """
    for column in columns:
        text = row.get(column)
        if isinstance(text, str) and _OBJECT.match(text) and _are_messages(_parsed(text)):
            raise RowError(column, f"holds messages written as text, {_MIXED}")


def _holds_messages(cells: list[Any]) -> bool:
    texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
    return bool(texts) and all(_looks_like_messages(text) for text in texts)


def _looks_like_messages(text: str) -> bool:
    """Return whether a text is messages, with their keys in any order, or begins like some and cannot be read."""
    if not _OBJECT.match(text):
        return False
    found = _parsed(text)
    return _MESSAGES.match(text) is not None if found is _NOTHING else _are_messages(found)


def _are_messages(value: Any) -> bool:
    found: list[Any] = value if isinstance(value, list) else [value]
    return bool(found) and all(isinstance(item, Mapping) and _is_message(item) for item in found)


def _is_message(item: Mapping[str, Any]) -> bool:
    says = item.keys() & {"content", "value", "tool_calls"}
    return bool(says) and isinstance(item.get("role", item.get("from")), str)


def _parse_messages(text: str, column: str) -> Any:
    if text.strip() and not _OBJECT.match(text) and _parsed(text) is _NOTHING:
        raise RowError(column, f"is plain text, {_MIXED.replace('do not', 'hold messages')}")
    return parse_cell(text, column, _UNREADABLE)


def parse_cell(text: str, column: str, wrong: str) -> Any:
    """Return what a text holds, as JSON or as a Python literal; an empty text holds nothing.

    Raises:
        RowError: It is neither, so it is ``wrong``.
    """
    if not text.strip():
        return None
    found = _parsed(text)
    if found is _NOTHING:
        raise RowError(column, wrong)
    return found


def _parsed(text: str) -> Any:
    for parse in (json.loads, ast.literal_eval):
        try:
            return parse(text.strip())
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    return _NOTHING
