"""What goes wrong with texts as tokens: control tokens or repeated prompts in them, and what decoding loses."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from typing import TYPE_CHECKING, Any, cast

from upo_sdk.data.findings import Kind, finding_key
from upo_sdk.data.text_search import any_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.data.messages import Conversation, Message

__all__ = ["RoundTrip", "TextCheck"]

_MARKUP = re.compile(r"<(?:\|.*\||｜.*｜)>")
"""How control tokens look that a tokenizer does not call special."""
_WRITTEN_ON_PURPOSE = re.compile(r"think", re.IGNORECASE)
"""Special tokens that answers hold because a model shall write them."""
_SHORTEST_PROMPT = 10
"""A shorter prompt may begin its response by chance, such as "Why?" and "Why? Because"."""

_BLANK = re.compile("[^\\S\\n]|[\\x00-\\x08\\x0e-\\x1f\\x7f\\u00ad\\u200b-\\u200f\\u2060\\u2581\\ufeff]")
"""Blanks but line breaks, and what is not seen: tokenizers add and drop them, and mark blanks as U+2581."""
_FIRST_ROWS, _THEN_ONE_IN = 20, 100
"""Which rows are looked at; all of them once something was lost."""
_AROUND = 15


class TextCheck:
    """Finds control tokens in texts, and responses that begin with their prompt.

    Args:
        tokenizer: The policy's.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        control = _control_tokens(tokenizer)
        self._control = any_of(control)
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
            found.append(finding_key(Kind.PROMPT_REPEATED))
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
            found.append(finding_key(Kind.PROMPT_REPEATED))
        return found

    def _texts_of_response(self, response: Sequence[Message], *, closed: bool) -> Iterator[str]:
        *before, last = response
        yield from _texts_of(before)
        for text in _texts_of(last):
            yield _without_end(text, self._eos) if closed and text is last["content"] else text

    def _control_tokens_in(self, text: str, where: str) -> Iterator[str]:
        found = self._control.search(text)
        if found:
            yield finding_key(Kind.CONTROL_TOKENS, f"{found.group()!r} in {where}")


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


class RoundTrip:
    """Compares texts with what their tokens say; other blanks and other forms of the same letter are no loss.

    Args:
        tokenizer: The policy's.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        self._tokenizer = tokenizer
        self._backend: Any = getattr(tokenizer, "backend_tokenizer", None)
        unknown = tokenizer.unk_token_id
        self._unknown = None if unknown in (tokenizer.bos_token_id, tokenizer.eos_token_id) else unknown
        self._rows = 0
        self._loses = False

    def of(self, texts: Sequence[Sequence[str]], wholes: Sequence[str], ids: Sequence[Sequence[int]]) -> list[str]:
        """Return what is lost in one row, if it is looked at.

        Args:
            texts: For each whole, what the data say in it.
            wholes: Prompt and response as they were tokenised.
            ids: The tokens of each whole.
        """
        self._rows += 1
        unknown = self._unknown is not None and any(self._unknown in own for own in ids)
        if not (unknown or self._loses or self._rows <= _FIRST_ROWS or self._rows % _THEN_ONE_IN == 0):
            return []
        for own, whole, tokens in zip(texts, wholes, ids, strict=True):
            given, back = _plain(whole), _plain(self._back(whole, tokens))
            for text in own:
                plain = _plain(text.strip())
                if plain not in back and plain in given:  # else the chat template changed it
                    self._loses = True
                    where = _where(text.strip(), back)
                    return [finding_key(Kind.LOST_IN_TOKENS, f"{_what(plain, back, unknown=unknown)}, as in {where}")]
        return []

    def _back(self, whole: str, tokens: Sequence[int]) -> str:
        if self._backend is None or self._backend.decoder is not None:
            return str(self._tokenizer.decode(list(tokens), clean_up_tokenization_spaces=False))
        normalizer = self._backend.normalizer  # without a decoder, pieces of words are not joined
        return whole if normalizer is None else str(normalizer.normalize_str(whole))


def _plain(text: str) -> str:
    plain = _BLANK.sub("", unicodedata.normalize("NFKC", text))
    return plain.replace("donot", "don't")  # as decoders of the kind of BERT's write it


def _what(text: str, back: str, *, unknown: bool) -> str:
    """Return what is lost, as far as it has a name."""
    if text.replace("\n", "") in back.replace("\n", ""):
        return "line breaks"
    if text.lower() in back.lower():
        return "capital letters"
    if text.lower().replace("\n", "") in back.lower().replace("\n", ""):
        return "line breaks and capital letters"
    return "characters that it does not know" if unknown else "characters"


def _where(text: str, back: str) -> str:
    """Return what stands around the first character that is lost."""
    ends = range(1, len(text) + 1)
    place = bisect_left(ends, True, key=lambda end: _plain(text[:end]) not in back)  # noqa: FBT003
    start = max(0, place - _AROUND)
    shown = text[start : place + _AROUND]
    return repr(f"{'…' * (start > 0)}{shown}{'…' * (place + _AROUND < len(text))}")
