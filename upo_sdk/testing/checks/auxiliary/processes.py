"""Scores are cached for later runs, so another process must give the same."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.other_process import scores_elsewhere
from upo_sdk.testing.rewards import check_equal, scores

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["same_in_another_process"]


def _cannot_move(subject: Subject) -> str | None:
    if subject.recipe is None:
        return "another process cannot make it: give a name, a class of a module, or a function of a module"
    try:
        json.dumps([dict(item.columns) for item in subject.completions])
    except (TypeError, ValueError):
        return "the columns cannot be handed to another process: they are no JSON"
    return None


@check(unless=_cannot_move)
def same_in_another_process(subject: Subject) -> None:
    """The same scores in another process, whose hashes of texts are seeded otherwise."""
    assert subject.recipe is not None  # noqa: S101 - checked by _cannot_move
    every = subject.completions
    with subject.in_use() as objective:
        here = scores(objective, every)
    seed = 2 if os.environ.get("PYTHONHASHSEED") == "1" else 1
    check_equal(
        here,
        scores_elsewhere(subject.recipe, every, seed),
        every,
        expected="the same score in another process",
        fix="use hashlib instead of hash(), and sorted() before anything that depends on the order of a set",
    )
