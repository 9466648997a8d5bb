"""The metrics of the ``lexical`` objective, one per module, each a pure function of the text."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from upo_plugins.lexical.metrics.diversity import diversity
from upo_plugins.lexical.metrics.formality import formality
from upo_plugins.lexical.metrics.grade_band import grade_band
from upo_plugins.lexical.metrics.hedging import hedging
from upo_plugins.lexical.metrics.rare_words import DocumentFrequencies, rare_words
from upo_plugins.lexical.metrics.readability import readability

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from upo_plugins.lexical.options import LexicalOptions, MetricName
    from upo_plugins.lexical.prose import Prose

__all__ = ["METRICS", "DocumentFrequencies"]

METRICS: Mapping[MetricName, Callable[[LexicalOptions, DocumentFrequencies], Callable[[Prose], float]]] = {
    "readability": lambda _, __: readability,
    "grade_band": lambda options, _: partial(grade_band, min_grade=options.min_grade, max_grade=options.max_grade),
    "diversity": lambda options, _: partial(diversity, window=options.window),
    "formality": lambda _, __: formality,
    "hedging": lambda _, __: hedging,
    "rare_words": lambda _, frequencies: partial(rare_words, frequencies=frequencies),
}
"""From the name of a metric to what makes it out of the options and the document frequencies."""
