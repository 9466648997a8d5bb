"""Hedging: how often a text weakens its own claims."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upo_plugins.lexical.prose import Prose

__all__ = ["count_hedges", "hedging"]

_SCALE = 0.05  # hedges per word at which the reward is 1/e

_HEDGES = (
    "almost|apparent|apparently|appear|appears|appeared|approximately|arguably|as far as i know|assume|assumed|"
    "conceivably|could|doubtful|essentially|estimated|fairly|frequently|generally|guess|hopefully|i believe|i feel|"
    "i suppose|i think|i'm not sure|i am not sure|in general|in my opinion|in my view|in some cases|in some ways|"
    "it depends|kind of|largely|likely|mainly|may|maybe|might|more or less|mostly|not certain|not entirely|often|ought|"
    "perhaps|plausible|plausibly|possible|possibly|potentially|presumably|probable|probably|quite|rather|relatively|"
    "roughly|seem|seemed|seemingly|seems|somehow|somewhat|sometimes|sort of|suggest|suggests|supposedly|tend to|"
    "tends to|to some extent|to my knowledge|typically|uncertain|unclear|unlikely|usually"
)
_HEDGE = re.compile(rf"(?<!\S)(?:{_HEDGES})(?!\S)")


def count_hedges(prose: Prose) -> int:
    """Return the number of hedges; a hedge of several words counts once."""
    return len(_HEDGE.findall(" ".join(prose.words).lower()))


def hedging(prose: Prose) -> float:
    """Return ``exp(−h/(0.05·n))`` for ``h`` hedges on ``n`` words: 1 without any, .37 with one in twenty words.

    Our formula; the words follow the hedges of Hyland, 2005, "Metadiscourse", with phrases common in chat.
    """
    return math.exp(-count_hedges(prose) / (_SCALE * len(prose.words)))
