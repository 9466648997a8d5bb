"""As many scores as completions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.rewards import scores

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["one_score_per_completion"]


@check()
def one_score_per_completion(subject: Subject) -> None:
    """One number per completion, also for none, for one, for duplicates, and for a tuple of them."""
    every = subject.completions
    with subject.in_use() as objective:
        for part in (every, every[:1], every[:2] * 3, tuple(every), []):
            try:
                scores(objective, part)
            except CheckFailedError as failure:
                if failure.root == one_score_per_completion.name:
                    raise
