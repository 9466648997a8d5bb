"""From completions to what the model reads: through its chat template, as a pair, or the response alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk.classifiers import Window, windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_plugins.hf.options import Input
    from upo_sdk.objectives import Completion

__all__ = ["choose_input", "windows_of"]


def choose_input(wanted: Input | None, tokenizer: Any, outputs: int) -> Input:
    """Return the input that was asked for, or the one that fits the model."""
    if wanted is not None:
        return wanted
    if tokenizer.chat_template:
        return "chat"
    return "pair" if outputs == 1 else "response"


def windows_of(tokenizer: Any, completions: Sequence[Completion], kind: Input, limit: int) -> list[Window]:
    """Return at least one window for every completion; a chat has one, which loses its beginning if it is too long."""
    responses = [item.response for item in completions]
    match kind:
        case "chat":
            found = _chats(tokenizer, completions, limit)
        case "pair":
            found = windows(tokenizer, responses, limit, before=[item.prompt for item in completions])
        case "response":
            found = windows(tokenizer, responses, limit)
    empty = set(range(len(completions))) - {window.text for window in found}
    return [*found, *(_without_tokens(tokenizer, text) for text in sorted(empty))]


def _chats(tokenizer: Any, completions: Sequence[Completion], limit: int) -> list[Window]:
    texts = [tokenizer.apply_chat_template(_messages(item), tokenize=False) for item in completions]
    if not texts:
        return []
    encoded = tokenizer(texts, add_special_tokens=False, verbose=False)
    names = [name for name in tokenizer.model_input_names if name in encoded]
    found = (Window(text, {name: encoded[name][text][-limit:] for name in names}) for text in range(len(texts)))
    return [window for window in found if len(window)]


def _messages(item: Completion) -> list[Mapping[str, Any]]:
    if item.prompt_messages is not None and item.response_messages is not None:
        return [*item.prompt_messages, *item.response_messages]
    return [{"role": "user", "content": item.prompt}, {"role": "assistant", "content": item.response}]


def _without_tokens(tokenizer: Any, text: int) -> Window:
    """Stand in for a text without tokens: one token that says nothing."""
    candidates = (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id)
    token = next(candidate for candidate in candidates if candidate is not None)
    values = {"input_ids": token, "attention_mask": 1}
    return Window(text, {name: [values.get(name, 0)] for name in tokenizer.model_input_names})
