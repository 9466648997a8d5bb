"""How to call a trained model: as it was trained, messages through its chat template where the data are messages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from upo_sdk.records import Chat

__all__ = ["call"]

_NAMED = ("tools", "documents")


def call(chat: Chat | None, *, generate: str = "generate", max_new_tokens: int = 64) -> str:
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
