"""Lexical diversity by a moving window, which hardly depends on the length of the text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from upo_plugins.lexical.metrics.grade import clip

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_plugins.lexical.prose import Prose

__all__ = ["diversity", "mattr"]

_LOW, _HIGH = 0.60, 0.95  # real responses lie between them; beyond, a difference says nothing


def mattr(words: Sequence[str], window: int) -> float:
    """Return the mean share of distinct words over all windows of ``window`` consecutive words.

    A text shorter than the window is one window. Covington and McFall, 2010, "Cutting the Gordian knot: the
    moving-average type-token ratio (MATTR)".
    """
    width = min(window, len(words))
    counts = Counter(words[:width])
    distinct = len(counts)
    for leaving, entering in zip(words, words[width:], strict=False):
        counts[leaving] -= 1
        if not counts[leaving]:
            del counts[leaving]
        counts[entering] += 1
        distinct += len(counts)
    return distinct / (width * (len(words) - width + 1))


def diversity(prose: Prose, *, window: int) -> float:
    """Return ``clip((MATTR − .60)/.35, 0, 1)``; case is ignored."""
    ratio = mattr([word.lower() for word in prose.words], window)
    return clip((ratio - _LOW) / (_HIGH - _LOW))
