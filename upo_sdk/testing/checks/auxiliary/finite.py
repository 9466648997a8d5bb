"""Every score is a finite number."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.rewards import scores

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["scores_are_finite"]


@check()
def scores_are_finite(subject: Subject) -> None:
    """A finite score for every ordinary completion."""
    with subject.in_use() as objective:
        scores(objective, subject.completions)
