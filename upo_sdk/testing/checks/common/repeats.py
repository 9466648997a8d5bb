"""The same input gives the same output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.evaluate import check_same, evaluate

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["repeats_itself"]


@check()
def repeats_itself(subject: Subject) -> None:
    """The same input gives the same result again, from the same objective and from a fresh one."""
    with subject.in_use() as objective:
        first, second = evaluate(objective, subject), evaluate(objective, subject)
    with subject.in_use() as fresh:
        third = evaluate(fresh, subject)
    for other in (second, third):
        check_same(
            first,
            other,
            expected="the same result each time",
            fix="use no randomness, no clock and no state between calls",
        )
