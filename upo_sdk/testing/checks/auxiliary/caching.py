"""Scores are cached for later runs: each depends on its own completion, and the key tells scorers apart."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from upo_sdk.objectives import Fingerprinted, FittedToData
from upo_sdk.testing.check import CheckFailedError, check
from upo_sdk.testing.other_process import scores_elsewhere
from upo_sdk.testing.rewards import agree, check_equal, scores

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = [
    "fingerprint_tells_scorers_apart",
    "independent_of_batch_size",
    "independent_of_neighbours",
    "independent_of_order",
    "same_in_another_process",
]

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
        _check_same_fingerprint(_fingerprint(first), _fingerprint(second))
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


def _check_same_fingerprint(one: dict[str, str], other: dict[str, str]) -> None:
    if one != other:
        raise CheckFailedError(
            expected="the same fingerprint of two objectives made and fitted alike",
            got=f"{one} and {other}",
            fix="hash the weights or the learned values themselves: no time, no id(), no hash() of a text",
        )


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
