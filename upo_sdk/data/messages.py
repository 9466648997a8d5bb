"""Conversations: lists of messages with everything that a chat template may read, checked; and their plain text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from upo_sdk.data.problems import RowError, kind_of

__all__ = [
    "CONVERSATION_COLUMNS",
    "Conversation",
    "Message",
    "check_text",
    "is_answer",
    "join_contents",
    "load_conversation",
    "load_messages",
    "read_messages",
    "read_response",
    "shown",
    "spoken_text",
    "without_nulls",
]

Message = dict[str, Any]
"""``role``, ``content`` and every further key that the user wrote, such as ``tool_calls`` or ``reasoning_content``."""

CONVERSATION_COLUMNS = ("prompt_messages", "response_messages", "template_inputs")
"""The columns of normalised conversations; each value is JSON, because messages have no fixed keys."""

_ROLES = {
    "human": "user",
    "gpt": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
}
"""What ShareGPT, LLaMA-Factory and ms-swift call the roles of chat templates."""
_CALLS = ("function_call", "tool_call")
_TEXT_PARTS = (None, "text", "input_text", "output_text")
"""Types of the parts of a content that are text; the last two are those of OpenAI's Responses."""
_REASONING_PARTS = ("thinking", "reasoning")
_ASSISTANT_SAYS = ("tool_calls", "reasoning_content", "thinking")
"""What an assistant's message may hold instead of content."""


class Conversation(NamedTuple):
    """One row as a chat template reads it.

    Attributes:
        prompt: The messages of the prompt.
        responses: The messages of each response.
        template_inputs: Further keyword arguments of ``apply_chat_template``, such as ``tools``.
    """

    prompt: list[Message]
    responses: list[list[Message]]
    template_inputs: dict[str, Any]


def load_conversation(row: Mapping[str, Any]) -> Conversation:
    """Return what the columns :data:`CONVERSATION_COLUMNS` of a normalised row hold."""
    return Conversation(
        load_messages(row["prompt_messages"]),
        [load_messages(response) for response in row["response_messages"]],
        json.loads(row["template_inputs"]),
    )


def load_messages(stored: str) -> list[Message]:
    """Return one list of messages of a normalised row."""
    return cast("list[Message]", json.loads(stored))


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
    if not messages[-1]["content"].strip() and not any(messages[-1].get(key) for key in _ASSISTANT_SAYS):
        raise RowError(column, "is empty")
    return messages


def is_answer(messages: list[Any]) -> bool:
    """Return whether a list of messages begins with the assistant's."""
    first = messages[0] if messages else None
    role = first.get("role", first.get("from")) if isinstance(first, Mapping) else None
    return _ROLES.get(str(role), role) == "assistant"


def join_contents(messages: list[Message]) -> str:
    """Return the contents of a conversation, joined by blank lines."""
    return "\n\n".join(message["content"] for message in messages if message["content"])


def shown(text: str, messages: Sequence[Mapping[str, Any]] | None) -> str:
    """Return a prompt for people to read, with who says what where more than the user speaks.

    Args:
        text: The prompt as plain text.
        messages: The prompt as messages, or None.
    """
    if not messages or [message["role"] for message in messages] == ["user"]:
        return text
    return "\n\n".join(f"{message['role']}: {_said(message)}" for message in messages)


def _said(message: Mapping[str, Any]) -> str:
    calls = message.get("tool_calls") or ()
    parts = [message.get("content") or "", *(json.dumps(item, ensure_ascii=False) for item in calls)]
    return " ".join(filter(None, parts))


def spoken_text(response: list[Message]) -> str:
    """Return what the assistant says in a response: its contents, joined by blank lines."""
    return join_contents([message for message in response if message["role"] == "assistant"])


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


def without_nulls(value: object, column: str) -> Any:
    """Return JSON without the keys whose value is null: Arrow adds them wherever another row has the key.

    Raises:
        RowError: A text in it cannot be written as UTF-8.
    """
    if isinstance(value, Mapping):
        members = cast("Mapping[str, Any]", value).items()
        return {check_text(key, column): without_nulls(item, column) for key, item in members if item is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(item, column) for item in cast("list[Any]", value)]
    return check_text(value, column) if isinstance(value, str) else value


def _read_message(message: Any, column: str, number: int) -> Message:
    if not isinstance(message, Mapping):
        raise RowError(column, f"message {number} is {kind_of(message)}, not an object with 'role' and 'content'")
    message = without_nulls(message, column)
    speaker, says = ("role" if "role" in message else "from"), ("content" if "content" in message else "value")
    role, content = message.get(speaker), message.get(says)
    if not isinstance(role, str) or not role:
        raise RowError(column, f"message {number} has no role")
    others = {key: value for key, value in message.items() if key not in (speaker, says)}
    if isinstance(content, list | Mapping):
        parts: list[Any] = [content] if isinstance(content, Mapping) else content
        content = "".join(_text_of_part(part, column, number) for part in parts)
    if role in _CALLS and isinstance(content, str):
        others["tool_calls"], content = _read_calls(content, column, number), ""
    if content is None and any(others.get(key) for key in _ASSISTANT_SAYS):
        content = ""  # transformers drops null keys, and many templates read the content of every message
    if not isinstance(content, str):
        raise RowError(column, f"the content of message {number} is {kind_of(content)}, not text")
    return {"role": _ROLES.get(role, role), "content": content, **others}


def _read_calls(content: str, column: str, number: int) -> list[dict[str, Any]]:
    """Return the tool calls that LLaMA-Factory and ms-swift write as JSON: an object with a name, or a list of them."""
    try:
        found: Any = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    calls = found if isinstance(found, list) else [found]
    if not calls or not all(isinstance(call, dict) and isinstance(call.get("name"), str) for call in calls):
        raise RowError(
            column, f'message {number} is a call of a tool that is not JSON like {{"name": ..., "arguments": ...}}'
        )
    return [{"type": "function", "function": without_nulls(call, column)} for call in calls]


def _text_of_part(part: Any, column: str, number: int) -> str:
    """Return the text of ``{"type": "text", "text": ...}``."""
    if isinstance(part, str):
        return part
    kind: Any = part.get("type") if isinstance(part, Mapping) else None
    if isinstance(part, Mapping) and kind in _TEXT_PARTS:
        text = part.get("text", part.get("content"))
        if isinstance(text, str):
            return text
    found = f"of type '{kind}'" if kind else f"that is {kind_of(part)}"
    if kind in _TEXT_PARTS and kind:
        found += " without a text"
    advice = (
        "write it into the key 'reasoning_content' of its message"
        if kind in _REASONING_PARTS
        else 'only text can be trained on, so write it as {"type": "text", "text": ...} or leave such rows out'
    )
    raise RowError(column, f"message {number} has a part {found}: {advice}")
