"""The metrics of the ``lexical`` objective, each a pure function of the text."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from upo_plugins.lexical.options import LexicalOptions, MetricName
    from upo_plugins.lexical.prose import Prose

__all__ = [
    "HIGHEST_GRADE",
    "METRICS",
    "DocumentFrequencies",
    "band_reward",
    "clip",
    "count_hedges",
    "diversity",
    "formality",
    "grade",
    "grade_band",
    "hedging",
    "informal_marks",
    "mattr",
    "rare_words",
    "readability",
    "readability_of_grade",
]

HIGHEST_GRADE = 18.0


def clip(value: float, low: float = 0.0, high: float = 1.0) -> float:
    """Return ``value`` or the nearer bound."""
    return min(max(value, low), high)


def grade(text: str) -> float:
    """Return ``textstat.text_standard``, the most frequent verdict of eight English formulas, clipped to [0, 18].

    The formulas are unbounded: one token of 5,000 letters has an Automated Readability Index of 23,529.
    """
    from textstat.textstat import textstatistics

    # An instance of our own: the module-level one carries a language that anyone in the process may have changed.
    return clip(float(textstatistics().text_standard(text, float_output=True)), 0.0, HIGHEST_GRADE)


def readability_of_grade(grade: float) -> float:
    """Return ``clip((9 − grade)/5, 0, 1)``. Badrinath et al., 2024 (arXiv 2405.17956), R1."""
    return clip((9 - grade) / 5)


def readability(prose: Prose) -> float:
    """Return R1 of the text: 1 up to grade 4, 0 from grade 9."""
    return readability_of_grade(grade(prose.sentences))


_FALL = 5.0  # grades from full reward to none: the slope of the paper's R1, which is the band 0 to 4


def band_reward(grade: float, min_grade: float, max_grade: float) -> float:
    """Return ``clip(1 − d/5, 0, 1)``, ``d`` being the distance in grades from ``[min_grade, max_grade]``."""
    distance = max(min_grade - grade, grade - max_grade, 0.0)
    return clip(1 - distance / _FALL)


def grade_band(prose: Prose, *, min_grade: float, max_grade: float) -> float:
    """Return the band reward of the text's grade."""
    return band_reward(grade(prose.sentences), min_grade, max_grade)


_LOW_DIVERSITY, _HIGH_DIVERSITY = 0.60, 0.95  # real responses lie between them; beyond, a difference says nothing


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
    return clip((ratio - _LOW_DIVERSITY) / (_HIGH_DIVERSITY - _LOW_DIVERSITY))


_INFORMALITY_SCALE = 0.1  # marks per word at which the reward is 1/e

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
    return math.exp(-informal_marks(prose) / (_INFORMALITY_SCALE * len(prose.words)))


def _shouted(words: Sequence[str]) -> int:
    loud = [False, *(len(word) > 1 and word.isupper() for word in words), False]
    return sum(here and (before or after) for (before, here), (_, after) in pairwise(pairwise(loud)))


_HEDGING_SCALE = 0.05  # hedges per word at which the reward is 1/e

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
    return math.exp(-count_hedges(prose) / (_HEDGING_SCALE * len(prose.words)))


@dataclass(frozen=True, slots=True)
class DocumentFrequencies:
    """In how many responses each word stands.

    Attributes:
        documents: The number of responses counted; 0 before anything was counted.
        counts: From a lower-case word to the number of responses that hold it.
    """

    documents: int = 0
    counts: Mapping[str, int] = field(default_factory=dict[str, int])

    @classmethod
    def count(cls, texts: Iterable[Prose]) -> DocumentFrequencies:
        """Count every word once per text."""
        documents, counts = 0, Counter[str]()
        for text in texts:
            documents += 1
            counts.update({word.lower() for word in text.words})
        return cls(documents, counts)

    def rarity(self, word: str) -> float:
        """Return ``log((N+1)/(df+1)) / log(N+1)``: 0 for a word of every response, 1 for one of none."""
        return 1 - math.log1p(self.counts.get(word.lower(), 0)) / math.log1p(self.documents)

    def sha256(self) -> str:
        """Return a hash of the table that does not depend on the order of counting."""
        table = json.dumps([self.documents, sorted(self.counts.items())])
        return hashlib.sha256(table.encode()).hexdigest()


def rare_words(prose: Prose, *, frequencies: DocumentFrequencies) -> float:
    """Return 1 minus the mean rarity of the words: 1 for the commonest words, 0 for words never seen."""
    return 1 - sum(map(frequencies.rarity, prose.words)) / len(prose.words)


METRICS: Mapping[MetricName, Callable[[LexicalOptions, DocumentFrequencies], Callable[[Prose], float]]] = {
    "readability": lambda _, __: readability,
    "grade_band": lambda options, _: partial(grade_band, min_grade=options.min_grade, max_grade=options.max_grade),
    "diversity": lambda options, _: partial(diversity, window=options.window),
    "formality": lambda _, __: formality,
    "hedging": lambda _, __: hedging,
    "rare_words": lambda _, frequencies: partial(rare_words, frequencies=frequencies),
}
"""From the name of a metric to what makes it out of the options and the document frequencies."""
