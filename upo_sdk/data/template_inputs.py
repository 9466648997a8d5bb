"""What a row passes to its chat template besides messages: tools, documents and other keyword arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upo_sdk.data.cells import parse_cell
from upo_sdk.data.messages import without_nulls
from upo_sdk.data.problems import RowError, is_nothing, kind_of

__all__ = ["TEMPLATE_COLUMNS", "read_template_inputs"]

TEMPLATE_COLUMNS = ("tools", "documents", "chat_template_kwargs")
"""Columns that become keyword arguments of ``apply_chat_template``; the entries of the last one do so one by one."""

_OURS = frozenset(
    {
        *("conversation", "messages", "tools", "documents", "chat_template", "add_generation_prompt", "tokenize"),
        *("continue_final_message", "return_assistant_tokens_mask", "return_dict", "return_tensors", "padding"),
        *("truncation", "max_length", "tokenizer_kwargs", "sanitize_control_tokens"),
    }
)
"""Arguments that this SDK sets itself."""


def read_template_inputs(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the keyword arguments that a row holds; null is no argument.

    Args:
        row: As the source has it.
        columns: What the source calls each of :data:`TEMPLATE_COLUMNS`.

    Raises:
        RowError: A value is not what the column must hold, neither as it is nor as JSON.
    """
    found = dict[str, Any]()
    for name in ("tools", "documents"):
        column = columns[name]
        value = _parsed(row.get(column), column)
        if is_nothing(value):
            continue
        if not _is_list_of_objects(value):
            raise RowError(column, f"is {kind_of(value)}, not a list of objects")
        if value:
            found[name] = without_nulls(value, column)
    return found | _keyword_arguments(row, columns["chat_template_kwargs"])


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _keyword_arguments(row: Mapping[str, Any], column: str) -> dict[str, Any]:
    value = _parsed(row.get(column), column)
    if is_nothing(value):
        return {}
    if not isinstance(value, Mapping):
        raise RowError(column, f"is {kind_of(value)}, not an object")
    arguments: dict[str, Any] = without_nulls(value, column)
    if taken := sorted(_OURS & arguments.keys()):
        raise RowError(column, f"holds '{taken[0]}', which is set for you or has its own column")
    return arguments


def _parsed(value: Any, column: str) -> Any:
    """Return a value that may be written as JSON, as in CSV files and in the data of LLaMA-Factory."""
    return parse_cell(value, column, "is text that is not valid JSON") if isinstance(value, str) else value
