"""Looks in prompts and responses, messages or not, for texts that a tokenizer or a reader of the data takes amiss."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast

from upo_sdk.data.findings import CONTROL_TOKENS, PROMPT_REPEATED, finding_key

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.data.messages import Conversation, Message

__all__ = ["TextCheck"]

_MARKUP = re.compile(r"<(?:\|.*\||｜.*｜)>")
"""How control tokens look that a tokenizer does not call special."""
_WRITTEN_ON_PURPOSE = re.compile(r"think", re.IGNORECASE)
"""Special tokens that answers hold because a model shall write them."""
_SHORTEST_PROMPT = 10
"""A shorter prompt may begin its response by chance, such as "Why?" and "Why? Because"."""


class TextCheck:
    """Finds control tokens in texts, and responses that begin with their prompt.

    Args:
        tokenizer: The policy's.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        control = _control_tokens(tokenizer)
        self._control = re.compile("|".join(map(re.escape, sorted(control, key=len, reverse=True))) or r"(?!)")
        self._eos = tuple(filter(None, [str(tokenizer.eos_token or "")]))
        self._ends_of_turns = (*control, *self._eos)

    def of_texts(self, prompt: str, responses: Sequence[str]) -> list[str]:
        """Return what is found in a row of plain text.

        A prompt that begins with a control token was written as the template would: its tokens are meant.
        """
        found = list[str]()
        rendered = self._control.match(prompt.lstrip()) is not None
        if not rendered:
            found += self._control_tokens_in(prompt, "a prompt")
        for response in responses:
            own = _without_end(response, self._ends_of_turns if rendered else self._eos)
            found += self._control_tokens_in(own, "a response")
        if _repeated(prompt, responses):
            found.append(finding_key(PROMPT_REPEATED))
        return found

    def of_messages(self, conversation: Conversation, *, closed: bool) -> list[str]:
        """Return what is found in a conversation.

        Args:
            conversation: The messages.
            closed: An end-of-sequence text behind a response is one token with that of the template.
        """
        prompt, responses = conversation.prompt, conversation.responses
        found = list[str]()
        for text in _texts_of([prompt, conversation.template_inputs]):
            found += self._control_tokens_in(text, "a prompt")
        for text in (text for response in responses for text in self._texts_of_response(response, closed=closed)):
            found += self._control_tokens_in(text, "a response")
        asked = prompt[-1]["content"] or "" if prompt else ""
        if _repeated(asked, [response[0]["content"] or "" for response in responses]):
            found.append(finding_key(PROMPT_REPEATED))
        return found

    def _texts_of_response(self, response: Sequence[Message], *, closed: bool) -> Iterator[str]:
        *before, last = response
        yield from _texts_of(before)
        for text in _texts_of(last):
            yield _without_end(text, self._eos) if closed and text is last["content"] else text

    def _control_tokens_in(self, text: str, where: str) -> Iterator[str]:
        found = self._control.search(text)
        if found:
            yield finding_key(CONTROL_TOKENS, f"{found.group()!r} in {where}")


def _control_tokens(tokenizer: PreTrainedTokenizerBase) -> list[str]:
    """Return the texts that the tokenizer turns into one control token each."""
    added: Mapping[int, Any] = cast("Any", tokenizer).added_tokens_decoder
    ids = {str(token): number for number, token in added.items() if token.special or _MARKUP.fullmatch(str(token))}
    texts = [text for text in ids if text.strip() and not _WRITTEN_ON_PURPOSE.search(text)]
    if not texts:
        return []
    encoded: Any = tokenizer(texts, add_special_tokens=False)[
        "input_ids"
    ]  # a tokenizer may be set to split them like any text
    return [text for text, own in zip(texts, encoded, strict=True) if ids[text] in own]


def _without_end(text: str, ends: tuple[str, ...]) -> str:
    """Return a text without any of these, and the blanks around them, at its end."""
    while (left := text.rstrip()).endswith(ends):
        text = left.removesuffix(next(end for end in ends if left.endswith(end)))
    return text


def _texts_of(value: object, key: str = "") -> Iterator[str]:
    """Yield every text in messages and inputs but the roles."""
    if isinstance(value, str):
        if key != "role":
            yield value
    elif isinstance(value, dict):
        for name, item in cast("dict[str, object]", value).items():
            yield from _texts_of(item, name)
    elif isinstance(value, list):
        for item in cast("list[object]", value):
            yield from _texts_of(item)


def _repeated(prompt: str, responses: Sequence[str]) -> bool:
    text = prompt.strip()
    return len(text) >= _SHORTEST_PROMPT and all(response.lstrip().startswith(text) for response in responses)
