"""The context before a prompt, in separate columns: a system message and earlier turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk.data.cells import parse_cell
from upo_sdk.data.messages import Message, check_text, read_messages
from upo_sdk.data.problems import RowError, is_nothing, kind_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upo_sdk.data.shapes import Shape

__all__ = ["read_context", "with_context"]

_PAIR = 2


def read_context(row: Mapping[str, Any], shape: Shape) -> list[Message]:
    """Return the system message and the earlier turns of a row, as messages.

    Raises:
        RowError: A column holds something else.
    """
    return [*_system(row, shape.beside["system"]), *_history(row, shape.beside["history"])]


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
