"""What comes in is read, not written; what is read is declared in ``Needs``, or may be missing."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import TYPE_CHECKING

from upo_sdk.testing.check import CheckFailedError, check
from upo_sdk.testing.rewards import check_equal, scores

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["leaves_completions_alone", "reads_only_what_it_declares"]


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


class _Columns(dict[str, object]):
    """The declared columns; notes which others are asked for."""

    def __init__(self, declared: dict[str, object], asked: set[str]) -> None:
        super().__init__(declared)
        self._asked = asked

    def get(self, key: str, default: object = None) -> object:
        """Return a declared column, or the default."""
        return self[key] if self.__contains__(key) else default

    def __contains__(self, key: object) -> bool:
        found = super().__contains__(key)
        if not found:
            self._asked.add(str(key))
        return found

    def __missing__(self, key: str) -> object:
        self._asked.add(key)
        raise KeyError(key)


@check()
def reads_only_what_it_declares(subject: Subject) -> None:
    """It reads no column and no token count that its needs do not name."""
    asked: set[str] = set()
    given = [replace(item, columns=_Columns(dict(item.columns), asked)) for item in subject.completions]
    with subject.in_use() as objective:
        try:
            without = scores(objective, given)
        finally:
            if asked:
                _complain(asked)
        if not subject.needs.token_counts:
            counted = [replace(item, token_count=number) for number, item in enumerate(given, start=1)]
            check_equal(
                without,
                scores(objective, counted),
                given,
                expected="the same score with and without a token count, which it does not ask for",
                fix="declare needs = Needs(token_counts=True)",
            )


def _complain(asked: set[str]) -> None:
    names = ", ".join(sorted(asked))
    raise CheckFailedError(
        expected="that it reads the columns which its needs name, and no others",
        got=f"it asked for {names}",
        fix=f"declare needs = Needs(columns=frozenset({sorted(asked)!r}))",
    )
