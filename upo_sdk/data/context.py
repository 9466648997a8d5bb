"""What a row has beside prompt and responses: a system message, earlier turns, inputs of the chat template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from upo_sdk.data.cells import parse_cell
from upo_sdk.data.messages import Message, check_text, read_messages, without_nulls
from upo_sdk.data.problems import RowError, is_nothing, kind_of

if TYPE_CHECKING:
    from upo_sdk.data.shapes import Shape

__all__ = ["TEMPLATE_COLUMNS", "read_template_inputs", "with_context"]

_PAIR = 2

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


def with_context(prompt: list[Message], row: Mapping[str, Any], shape: Shape) -> list[Message]:
    """Return a prompt with the system message and the earlier turns of its row; a system message is never doubled.

    Raises:
        RowError: A column holds something else, or the prompt begins with another system message.
    """
    column = shape.beside["system"]
    system, history = _system(row, column), _history(row, shape.beside["history"])
    if prompt and prompt[0]["role"] == "system":
        if system and system[0]["content"] != prompt[0]["content"]:
            raise RowError(column, "differs from the system message at the start of the conversation: keep one of them")
        system, prompt = prompt[:1], prompt[1:]
    return [*system, *history, *prompt]


def _system(row: Mapping[str, Any], column: str) -> list[Message]:
    value = row.get(column)
    if is_nothing(value) or value == "":
        return []
    return [{"role": "system", "content": check_text(value, column)}]


def _history(row: Mapping[str, Any], column: str) -> list[Message]:
    value = row.get(column)
    if isinstance(value, str):
        value = parse_cell(value, column, "is text that is not a list of turns [question, answer] in JSON")
    if is_nothing(value):
        return []
    if not isinstance(value, list):
        raise RowError(column, f"is {kind_of(value)}, not a list of turns [question, answer]")
    turns = list[Message]()
    for number, turn in enumerate(value, start=1):
        turns += _turn(turn, column, number) if isinstance(turn, list) else read_messages(turn, column)
    return turns


def _turn(turn: list[Any], column: str, number: int) -> list[Message]:
    if len(turn) != _PAIR or not all(isinstance(text, str) for text in turn):
        raise RowError(column, f"turn {number} is not two texts [question, answer]")
    question, answer = (check_text(text, column) for text in turn)
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]


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
        if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
            raise RowError(column, f"is {kind_of(value)}, not a list of objects")
        if value:
            found[name] = without_nulls(value, column)
    return found | _keyword_arguments(row, columns["chat_template_kwargs"])


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
