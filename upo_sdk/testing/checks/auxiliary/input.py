"""What comes in is read, not written."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.rewards import scores

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["leaves_completions_alone"]


@check()
def leaves_completions_alone(subject: Subject) -> None:
    """The list of completions, and every completion in it, is unchanged afterwards."""
    given = subject.completions
    before = deepcopy(given)
    with subject.in_use() as objective:
        scores(objective, given)
    if given != before:
        raise CheckFailedError(
            expected="that the list of completions is as before",
            got="it was sorted, shortened or changed, or a completion or its columns were",
            fix="work on a copy: sorted(completions), dict(completion.columns)",
        )
