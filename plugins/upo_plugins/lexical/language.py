"""Whether a text is English, which formulas and word lists here are made for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["is_english"]

_COMMON_IN_ENGLISH = """
the and of to a is it that you for with are be this have from or by not can your will if which when they there its
we on in as at an he she my was were but all so what would should could then them their one more has had no our than
these those into out up how who some any only also use just about because been his her may must it's don't you're
i'm
"""
_COMMON_ELSEWHERE = """
der die das und ist nicht ein eine einen einem einer mit auf für von zu sich wird auch es ich sie wir sind dem des
den im zum zur oder aber wie bei nach kann haben hat noch nur wenn ihr ihre ihren bitte dass durch über werden dann
danach wieder leider sollten le la les et est un une que qui dans pour pas vous nous sur avec ce cette ces il elle
je au aux du de en ne se sont par mais ou où votre très être el los las una del por para con su sus lo como más pero
al está muy este esta si tu hay puede di che non della delle dei gli per nel nella sono da anche più ma questo
questa come può è het een van niet met voor op te dat zijn er aan ook als maar naar bij wordt deze ik kan uw não uma
um em com os dos ao foi você são pode é
"""
"""In German, French, Spanish, Italian, Dutch or Portuguese, and no common words of English."""
_ENGLISH, _OTHER = frozenset(_COMMON_IN_ENGLISH.split()), frozenset(_COMMON_ELSEWHERE.split())
_FEWEST_OTHER = 0.15  # share; English names, such as those of towns, hold few
_ENOUGH_WORDS = 25  # a list of English things may hold none of the common words for as long
_FEWEST_ENGLISH = 0.04  # share in any longer text


def is_english(words: Sequence[str]) -> bool:
    """Return whether words can be taken for English ones.

    They are not if common words of other languages are 15 % or more and outnumber those of English, or if fewer than
    one in 25 of a text of 25 words and more is a common English word.
    """
    english = sum(word.lower() in _ENGLISH for word in words)
    other = sum(word in _OTHER for word in words)  # not in capitals: Los Angeles
    if other > english and other >= _FEWEST_OTHER * len(words):
        return False
    return len(words) < _ENOUGH_WORDS or english >= _FEWEST_ENGLISH * len(words)
