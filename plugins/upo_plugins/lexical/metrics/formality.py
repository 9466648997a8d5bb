"""Formality by the share of informal marks."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_plugins.lexical.prose import Prose

__all__ = ["formality", "informal_marks"]

_SCALE = 0.1  # marks per word at which the reward is 1/e

# Each alternative is a class of marks; "x's" counts only where it can hardly be a possessive.
_INFORMAL_WORD = re.compile(
    r".*n't|.*'(?:re|ve|ll|d|m|em)"
    r"|(?:he|she|it|that|what|who|where|when|why|how|there|here|let)'s"
    r"|you(?:r|rs|rself|rselves)?|u|ur|ya|y'all"
    r"|awesome|btw|bro|coz|cuz|damn|dude|dunno|gimme|gonna|gotta|guys|haha|heck|hey|hi|hiya|idk|im(?:h)?o|kinda|lemme"
    r"|lmao|lol|nah|nope|omg|ok|okay|oops|ouch|outta|pls|plz|sorta|sucks|thanks|thx|totally|ugh|wanna|whatever|whoa"
    r"|wow|wtf|yay|yeah|yep|yup"
)
_OUTBURST = re.compile("!+|[\U0001f300-\U0001faff☀-➿]|[:;]-?[)(DPp]")


def informal_marks(prose: Prose) -> int:
    """Return the number of informal marks: contractions, colloquial words, the second person, shouting, outbursts.

    Shouting is a word in capitals next to another one (a single one may be an acronym); an outburst is a run of
    exclamation marks, an emoji or an emoticon.
    """
    marked = sum(_INFORMAL_WORD.fullmatch(word.lower()) is not None for word in prose.words)
    return marked + _shouted(prose.words) + len(_OUTBURST.findall(prose.text))


def formality(prose: Prose) -> float:
    """Return ``exp(−m/(0.1·n))`` for ``m`` informal marks on ``n`` words: 1 without any, .37 with one in ten words.

    Our formula. The marks are surface features found to tell formal from informal English by Pavlick and Tetreault,
    2016, "An empirical analysis of formality in online communication", and by Heylighen and Dewaele, 1999 (deixis).
    """
    return math.exp(-informal_marks(prose) / (_SCALE * len(prose.words)))


def _shouted(words: Sequence[str]) -> int:
    loud = [False, *(len(word) > 1 and word.isupper() for word in words), False]
    return sum(here and (before or after) for (before, here), (_, after) in pairwise(pairwise(loud)))
