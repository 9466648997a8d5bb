"""The same input gives the same output: called again, set up again, and copied by pickling."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.rewards import check_same, evaluate

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["pickles_or_refuses", "repeats_itself", "setup_and_close_repeat"]


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


@check()
def setup_and_close_repeat(subject: Subject) -> None:
    """setup() and close() may be called twice, and after closing it can be set up and used again."""
    objective = subject.build()
    results: list[list[float]] = []
    for _ in range(2):
        objective.setup("cpu")
        objective.setup("cpu")
        subject.fit(objective)
        results.append(evaluate(objective, subject))
        objective.close()
        objective.close()
    check_same(
        *results,
        expected="the same result after close() and another setup()",
        fix="set everything that rewards() or loss() changes in setup(); release only what is held in close()",
    )


_REFUSALS = (pickle.PicklingError, TypeError, AttributeError)
"""What Python itself raises for a lock, a local class or an open file."""


@check()
def pickles_or_refuses(subject: Subject) -> None:
    """A pickled copy gives the same result, or pickling says that it cannot be done."""
    with subject.in_use() as objective:
        try:
            written = pickle.dumps(objective)
        except _REFUSALS:
            return
        copy = pickle.loads(written)  # noqa: S301 - the line above wrote it
        check_same(
            evaluate(objective, subject),
            evaluate(copy, subject),
            expected="that a pickled copy gives the same result",
            fix="keep all state in attributes, or write __reduce__() so that it raises TypeError with the reason",
        )
