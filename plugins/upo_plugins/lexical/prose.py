"""The part of a response that can be measured as prose."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

__all__ = ["Prose", "read_prose"]

_FENCE = re.compile(r"^[ \t]*(```+|~~~+)[^\n]*$.*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_LATIN_LETTER = re.compile(r"[A-Za-zªºÀ-ÖØ-öø-ɏḀ-ỿ]")
_APOSTROPHES = str.maketrans("’‘ʼ", "'''")


@dataclass(frozen=True, slots=True)
class Prose:
    """A response without its code blocks.

    Attributes:
        text: The text as written.
        words: Its words in order, case kept; at least one. Apostrophes are straight, numbers are no words.
    """

    text: str
    words: tuple[str, ...]


def read_prose(response: str) -> Prose | None:
    """Return the prose of a response, or None if it holds none that English formulas can measure.

    None means: no words at all (empty, emoji, digits, nothing but code), or letters of which at least half are not
    Latin.
    """
    text = _FENCE.sub(" ", response)
    words = tuple(_WORD.findall(unicodedata.normalize("NFC", text).translate(_APOSTROPHES)))
    return Prose(text, words) if words and _is_latin("".join(words)) else None


def _is_latin(letters: str) -> bool:
    return letters.isascii() or len(_LATIN_LETTER.findall(letters)) > len(letters) / 2
