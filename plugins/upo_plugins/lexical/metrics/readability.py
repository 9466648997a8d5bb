"""The readability reward R1 of the UPO paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_plugins.lexical.metrics.grade import clip, grade

if TYPE_CHECKING:
    from upo_plugins.lexical.prose import Prose

__all__ = ["readability", "readability_of_grade"]


def readability_of_grade(grade: float) -> float:
    """Return ``clip((9 − grade)/5, 0, 1)``. Badrinath et al., 2024 (arXiv 2405.17956), R1."""
    return clip((9 - grade) / 5)


def readability(prose: Prose) -> float:
    """Return R1 of the text: 1 up to grade 4, 0 from grade 9."""
    return readability_of_grade(grade(prose.sentences))
