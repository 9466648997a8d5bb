"""The part of a response that can be measured as prose."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from upo_plugins.lexical.language import is_english
from upo_plugins.lexical.metrics import clip, mattr
from upo_plugins.lexical.sentences import as_sentences
from upo_plugins.markdown import without_code

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Prose", "credibility", "read_prose"]

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_LATIN_LETTER = re.compile(r"[A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿ]")
_URL = re.compile(r"(?:https?://|www\.)\S+")
_APOSTROPHES = str.maketrans("’‘ʼ", "'''")


@dataclass(frozen=True)
class Prose:
    """A response without its code and addresses.

    Attributes:
        text: The text as written.
        words: Its words in order, case kept; at least one. Apostrophes are straight, numbers are no words.
    """

    text: str
    words: tuple[str, ...]

    @cached_property
    def sentences(self) -> str:
        """The text with a full stop wherever its layout ends a sentence."""
        return as_sentences(self.text)

    @cached_property
    def credibility(self) -> float:
        """How far this is language at all, between 0 and 1."""
        return credibility(self.words)

    @cached_property
    def is_english(self) -> bool:
        """Whether it can be taken for English."""
        return is_english(self.words)


def read_prose(response: str) -> Prose | None:
    """Return the prose of a response, or None if it holds none that English formulas can measure.

    None means: no words at all (empty, emoji, digits, nothing but code or addresses), or letters of which at least half
    are not Latin.
    """
    text = _URL.sub(" ", without_code(response))
    words = tuple(_WORD.findall(unicodedata.normalize("NFC", text).translate(_APOSTROPHES)))
    return Prose(text, words) if words and _is_latin("".join(words)) else None


def _is_latin(letters: str) -> bool:
    return letters.isascii() or len(_LATIN_LETTER.findall(letters)) > len(letters) / 2


_FEWEST_WORDS = 3  # textstat does not count shorter sentences
_LONGEST_WORD = 30  # letters; longer ones are data, or a key that was held down
_WINDOW = 25
_NOTHING, _LANGUAGE = 0.30, 0.55  # shares of distinct words in a window; prose has .60 and more


def credibility(words: Sequence[str]) -> float:
    """Return 1 for language and 0 for what is none: fewer than three words, repeated words, endless words.

    In between it is ``clip((MATTR − .30)/.25) · clip(1 − 2s)``, ``s`` being the share of letters in words of more than
    30 letters.
    """
    if len(words) < _FEWEST_WORDS:
        return 0.0
    varied = mattr([word.lower() for word in words], _WINDOW)
    endless = sum(len(word) for word in words if len(word) > _LONGEST_WORD) / sum(map(len, words))
    return clip((varied - _NOTHING) / (_LANGUAGE - _NOTHING)) * clip(1 - 2 * endless)
