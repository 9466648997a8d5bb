"""A reward for text of a wanted school grade."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_plugins.lexical.metrics.grade import clip, grade

if TYPE_CHECKING:
    from upo_plugins.lexical.prose import Prose

__all__ = ["band_reward", "grade_band"]

_FALL = 5.0  # grades from full reward to none: the slope of the paper's R1, which is the band 0 to 4


def band_reward(grade: float, min_grade: float, max_grade: float) -> float:
    """Return ``clip(1 − d/5, 0, 1)``, ``d`` being the distance in grades from ``[min_grade, max_grade]``."""
    distance = max(min_grade - grade, grade - max_grade, 0.0)
    return clip(1 - distance / _FALL)


def grade_band(prose: Prose, *, min_grade: float, max_grade: float) -> float:
    """Return the band reward of the text's grade."""
    return band_reward(grade(prose.sentences), min_grade, max_grade)
