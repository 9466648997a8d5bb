"""How much of a text is natural language, so that a readability formula applies to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_plugins.lexical.metrics.diversity import mattr
from upo_plugins.lexical.metrics.grade import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["credibility"]

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
