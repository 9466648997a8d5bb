"""Conversations: lists of ``{"role", "content"}`` messages, checked and turned into the text that objectives see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from upo_sdk.data.problems import RowError, kind_of

__all__ = ["Message", "check_text", "join_contents", "read_messages", "read_response"]

Message = dict[str, str]

_SHAREGPT_ROLES = {"human": "user", "gpt": "assistant"}


def read_messages(value: object, column: str) -> list[Message]:
    """Return a conversation as ``[{"role": ..., "content": ...}]``; ShareGPT's ``from``/``value`` is translated.

    Raises:
        RowError: It is not a list of messages, or a message lacks its role or its text.
    """
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        raise RowError(column, f"is {kind_of(value)}, not a conversation (a list of messages)")
    return [_read_message(message, column, number) for number, message in enumerate(value, start=1)]


def read_response(value: object, column: str) -> list[Message]:
    """Return the messages of a response: the first and the last are the assistant's.

    Raises:
        RowError: They are not, or there is none, or the last is empty.
    """
    messages = read_messages(value, column)
    if not any(message["role"] == "assistant" for message in messages):
        raise RowError(column, "has no message with the role 'assistant'")
    for name, message in (("begins", messages[0]), ("ends", messages[-1])):
        if message["role"] != "assistant":
            raise RowError(column, f"{name} with a message of the role '{message['role']}', not 'assistant'")
    if not messages[-1]["content"].strip():
        raise RowError(column, "is empty")
    return messages


def join_contents(messages: list[Message]) -> str:
    """Return the contents of a conversation, joined by blank lines."""
    return "\n\n".join(message["content"] for message in messages)


def check_text(value: object, column: str) -> str:
    """Return ``value`` if it is text that can be written as UTF-8.

    Raises:
        RowError: It is not.
    """
    if not isinstance(value, str):
        raise RowError(column, f"is {kind_of(value)}, not text")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise RowError(column, f"holds half a surrogate pair at character {error.start + 1}") from None
    return value


def _read_message(message: Any, column: str, number: int) -> Message:
    if not isinstance(message, Mapping):
        raise RowError(column, f"message {number} is {kind_of(message)}, not an object with 'role' and 'content'")
    role = message.get("role", message.get("from"))
    content = message.get("content", message.get("value"))
    if not isinstance(role, str) or not role:
        raise RowError(column, f"message {number} has no role")
    if not isinstance(content, str):
        raise RowError(column, f"the content of message {number} is {kind_of(content)}, not text")
    return {"role": _SHAREGPT_ROLES.get(role, role), "content": check_text(content, column)}
