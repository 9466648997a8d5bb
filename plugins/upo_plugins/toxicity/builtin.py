"""The built-in scorer: logistic regression on hashed n-grams, the same on every machine; nothing to download."""

from __future__ import annotations

import hashlib
import html
import math
import re
import unicodedata
from functools import lru_cache
from importlib.resources import files
from itertools import pairwise
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np
from safetensors.numpy import load

from upo_plugins.markdown import without_code
from upo_plugins.toxicity.labels import KNOWN_LABELS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["TABLE_SIZE", "WINDOW", "BuiltinScorer", "feature_indices", "segments"]


class BuiltinScorer:
    """Scores a text by its worst sentence; see ``weights/MODEL_CARD.md`` for what it can and cannot do.

    The probability ``p`` of a sentence passes a dead zone, ``2 max(0, p − ½)``, so that harmless sentences cost
    nothing. A text without words scores 0.

    Args:
        weights: A safetensors file of the training script; the shipped one if None.
    """

    labels = KNOWN_LABELS["builtin"]

    def __init__(self, weights: bytes | None = None) -> None:
        data = weights or files("upo_plugins.toxicity").joinpath("weights/builtin.safetensors").read_bytes()
        tensors = load(data)
        self.fingerprint = {"scorer": "builtin", "weights_sha256": hashlib.sha256(data).hexdigest()}
        self._table = tensors["table"]
        self._scale = float(tensors["scale"])
        self._bias = float(tensors["bias"])

    def probabilities(self, texts: Sequence[str], /) -> list[list[float]]:
        """Return one probability per text, each in a list."""
        return [[max(0.0, 2 * self.sentence_probability(text) - 1)] for text in texts]

    def sentence_probability(self, text: str) -> float:
        """Return the probability that the worst sentence is toxic, before the dead zone; 0 for a text without words."""
        logits = [self._logit(words) for words in segments(text)]
        return 1 / (1 + math.exp(-max(logits))) if logits else 0.0

    def _logit(self, words: list[str]) -> float:
        indices = feature_indices(words)
        rows = np.fromiter(indices, dtype=np.int64, count=len(indices))
        total = int(self._table[rows].sum(dtype=np.int64))  # whole numbers: the order of a set does not matter
        return self._bias + self._scale * total / math.sqrt(len(indices))


TABLE_SIZE = 2**17
"""Rows of the hash table, a power of two."""

WINDOW = 24
"""Words that are judged together at most: more would dilute a single insult."""

_MASK = TABLE_SIZE - 1
_CHARACTER_GRAMS = (3, 4, 5)

_NOT_TEXT = re.compile(r"<[^<>]{0,200}>|(?:https?://|www\.)\S+|(?<!\w)@\w+")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufe0f\ufeff]")
_DRAWN_OUT = re.compile(r"(.)\1{2,}")
_SENTENCE_END = re.compile(r"(?<=[.!?…。！？])\s+|\n+")
_WORD = re.compile(r"[\w*$@#%]+(?:['’][\w*]+)*")
_CODE_MARK = re.compile(r"[][(){}<>=;|&$#/\\_*+~^%@\d]|--")
_SENTENCE_WORDS = 3


def segments(text: str) -> Iterator[list[str]]:
    """Yield the words of each sentence; a sentence of more than :data:`WINDOW` words comes in overlapping windows.

    Code in Markdown is left out, unless it reads as a sentence: backticks do not hide an insult.
    """
    for sentence in _SENTENCE_END.split(html.unescape(without_code(text, keep=_is_sentence))):
        found = words(sentence)
        if found:
            yield from _windows(found)


def words(text: str) -> list[str]:
    """Return the lower-case words without markup, addresses, user names, invisible marks and drawn-out letters."""
    plain = unicodedata.normalize("NFKC", _INVISIBLE.sub("", _NOT_TEXT.sub(" ", text))).lower()
    return _WORD.findall(_DRAWN_OUT.sub(r"\1\1", plain))


def feature_indices(segment: list[str]) -> set[int]:
    """Return the table rows of a segment: its words, its pairs of words, and 3 to 5 characters inside each word."""
    found = {crc32(f"{left} {right}".encode()) & _MASK for left, right in pairwise(segment)}
    return found.union(*(_word_indices(word) for word in segment))


def _is_sentence(code: str) -> bool:
    return _CODE_MARK.search(code) is None and len(code.split()) >= _SENTENCE_WORDS


def _windows(found: list[str]) -> Iterator[list[str]]:
    starts = range(0, max(len(found) - WINDOW // 2, 1), WINDOW // 2)
    return (found[start : start + WINDOW] for start in starts)


@lru_cache(maxsize=2**13)
def _word_indices(word: str) -> frozenset[int]:
    marked = f"<{word[:64]}>"  # a longer "word" is data, not language
    grams = {marked[i : i + n] for n in _CHARACTER_GRAMS for i in range(len(marked) - n + 1)}
    return frozenset(crc32(gram.encode()) & _MASK for gram in grams | {f" {word}"})
