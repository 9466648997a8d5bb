"""A score depends on its own completion alone, because it is cached under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.rewards import check_equal, scores

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["independent_of_batch_size", "independent_of_neighbours", "independent_of_order"]

_ADVICE = "score each completion by itself: no statistic of the batch, no state between completions"


@check()
def independent_of_neighbours(subject: Subject) -> None:
    """The same score whatever stands beside a completion."""
    every = subject.completions
    with subject.in_use() as objective:
        for own in every[:3]:
            others = [item for item in every if item is not own]
            one, other = scores(objective, [own, *others]), scores(objective, [own] * len(every))
            check_equal(one[:1], other[:1], [own], expected="the same score beside any others", fix=_ADVICE)


@check()
def independent_of_order(subject: Subject) -> None:
    """The same score wherever a completion stands in the batch."""
    every = subject.completions
    with subject.in_use() as objective:
        forwards, backwards = scores(objective, every), scores(objective, every[::-1])
    check_equal(forwards, backwards[::-1], every, expected="the same score in any order", fix=_ADVICE)


@check()
def independent_of_batch_size(subject: Subject) -> None:
    """The same score alone, in threes, and with all others."""
    every = subject.completions
    with subject.in_use() as objective:
        together = scores(objective, every)
        for size in (1, 3):
            parts = [scores(objective, every[start : start + size]) for start in range(0, len(every), size)]
            flat = [score for part in parts for score in part]
            check_equal(
                together, flat, every, expected=f"the same score in batches of {len(every)} and of {size}", fix=_ADVICE
            )
