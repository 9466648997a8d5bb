"""How much a model repeats itself, within an answer and across answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["distinct", "repetition"]


def repetition(text: str, n: int = 3) -> float:
    """Return the share of an answer's word n-grams that occurred in it before."""
    grams = _grams(text, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct(texts: Sequence[str], n: int) -> float:
    """Return distinct word n-grams over all n-grams of all answers (distinct-n; Li et al., arXiv 1510.03055)."""
    grams = [gram for text in texts for gram in _grams(text, n)]
    return len(set(grams)) / len(grams) if grams else 0.0


def _grams(text: str, n: int) -> list[tuple[str, ...]]:
    words = text.split()
    return list(zip(*(words[start:] for start in range(n)), strict=False))
