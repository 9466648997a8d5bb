"""Setting up twice and closing twice does no harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.evaluate import check_same, evaluate

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["setup_and_close_repeat"]


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
