"""The part of a response that can be measured as prose."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

from upo_plugins.lexical.credibility import credibility
from upo_plugins.lexical.language import is_english
from upo_plugins.lexical.sentences import as_sentences
from upo_plugins.markdown import without_code

__all__ = ["Prose", "read_prose"]

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
