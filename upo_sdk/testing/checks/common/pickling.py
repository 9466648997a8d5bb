"""Data loaders with workers and process pools copy objects by pickling."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.evaluate import check_same, evaluate

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["pickles_or_refuses"]

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
