"""Whether texts come back from their tokens: what the policy learns is what objectives score."""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from upo_sdk.data.findings import LOST_IN_TOKENS, finding_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from transformers import PreTrainedTokenizerBase

__all__ = ["RoundTrip"]

_BLANK = re.compile("[^\\S\\n]|[\\x00-\\x08\\x0e-\\x1f\\x7f\\u00ad\\u200b-\\u200f\\u2060\\u2581\\ufeff]")
"""Blanks but line breaks, and what is not seen: tokenizers add and drop them, and mark blanks as U+2581."""
_FIRST_ROWS, _THEN_ONE_IN = 20, 100
"""Which rows are looked at; all of them once something was lost."""
_AROUND = 15


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
                    return [finding_key(LOST_IN_TOKENS, f"{_what(plain, back, unknown=unknown)}, as in {where}")]
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
