"""What enters the key of the score cache beside code and options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk.objectives import Fingerprinted, FittedToData
from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.rewards import agree, scores

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["fingerprint_tells_scorers_apart"]


def _no_fingerprint(subject: Subject) -> str | None:
    objective = subject.build()
    if isinstance(objective, Fingerprinted | FittedToData):
        return None
    return "it has no fingerprint(): its scores depend on code and options alone"


@check(unless=_no_fingerprint)
def fingerprint_tells_scorers_apart(subject: Subject) -> None:
    """The fingerprint is a mapping of texts, the same for the same scorer, another one for other scores."""
    every = subject.completions
    with subject.in_use() as first, subject.in_use() as second, subject.in_use(every[:1]) as fitted_otherwise:
        _check_same(_fingerprint(first), _fingerprint(second))
        same = all(map(agree, scores(first, every), scores(fitted_otherwise, every)))
        if not same and _fingerprint(first) == _fingerprint(fitted_otherwise):
            raise CheckFailedError(
                expected="another fingerprint once it is fitted to other completions and scores differently",
                got=f"{_fingerprint(first)} both times",
                fix="put a hash of what fit() learned into fingerprint(); else old scores come out of the cache",
            )


def _fingerprint(objective: Any) -> dict[str, str]:
    if not isinstance(objective, Fingerprinted):
        raise CheckFailedError(
            expected="a fingerprint(), because it is fitted to data",
            got="none",
            fix="add fingerprint() with a hash of what fit() learned",
        )
    found: Any = objective.fingerprint()
    try:
        items: dict[Any, Any] = dict(found)
    except (TypeError, ValueError):
        items = {None: None}
    if not all(isinstance(text, str) for item in items.items() for text in item):
        raise CheckFailedError(
            expected="a mapping from text to text", got=repr(found)[:200], fix="write the values with str()"
        )
    return items


def _check_same(one: dict[str, str], other: dict[str, str]) -> None:
    if one != other:
        raise CheckFailedError(
            expected="the same fingerprint of two objectives made and fitted alike",
            got=f"{one} and {other}",
            fix="hash the weights or the learned values themselves: no time, no id(), no hash() of a text",
        )
