"""How to call a trained model: as it was trained, messages through its chat template where the data are messages."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from upo_sdk.data.columns import read_rows_of
from upo_sdk.data.messages import load_conversation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from datasets import Dataset

    from upo_sdk.training.card.record import ChatRecord

__all__ = ["call", "chat_of"]

_ROWS = 1000
"""Rows that are looked at."""

_NAMED = ("tools", "documents")


def chat_of(rows: Dataset) -> dict[str, Any]:
    """Return what all conversations share: the system message, and what else the template reads; as far as 1,000 go."""
    columns = ("prompt_messages", "response_messages", "template_inputs")
    found = list(map(load_conversation, islice(read_rows_of(rows, *columns), _ROWS)))
    first = found[0]
    opening = first.prompt[:1] if first.prompt and first.prompt[0]["role"] == "system" else []
    return {
        "system": opening[0]["content"] if opening and all(row.prompt[:1] == opening for row in found) else None,
        "template_inputs": {
            name: value
            for name, value in first.template_inputs.items()
            if all(row.template_inputs.get(name) == value for row in found)
        },
    }


def call(chat: ChatRecord | None, *, generate: str = "generate", max_new_tokens: int = 64) -> str:
    """Return the Python expression for the text of an answer.

    Args:
        chat: What the conversations of the data share; None if the data are plain texts.
        generate: What the pipeline is called.
        max_new_tokens: Of the answer.
    """
    if chat is None:
        prompt = '"Hello"'
        return f'{generate}({prompt}, max_new_tokens={max_new_tokens}, return_full_text=False)[0]["generated_text"]'
    messages = [{"role": "user", "content": "Hello"}]
    if chat.system is not None:
        messages.insert(0, {"role": "system", "content": chat.system})
    written = f"{_literal(messages)}, max_new_tokens={max_new_tokens}{_arguments(chat.template_inputs)}"
    return f'{generate}({written})[0]["generated_text"][-1]["content"]'


def _arguments(inputs: Mapping[str, Any]) -> str:
    named = "".join(f", {name}={_literal(inputs[name])}" for name in _NAMED if inputs.get(name) is not None)
    others = {name: value for name, value in inputs.items() if name not in _NAMED}
    return named + (f", tokenizer_encode_kwargs={_literal(others)}" if others else "")


def _literal(value: Any) -> str:
    """Return a value as Python, with double quotes where that reads as well."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_literal(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_literal, value)) + "]"
    plain = isinstance(value, str) and '"' not in value and repr(value) == f"'{value}'"
    return f'"{value}"' if plain else repr(value)
