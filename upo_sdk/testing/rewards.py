"""Scores and losses as plain numbers, with what is wrong with scores blamed on the check that is about it."""

from __future__ import annotations

import math
from numbers import Real
from typing import TYPE_CHECKING, Any

from upo_sdk.testing.check import CheckFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Completion
    from upo_sdk.testing.subject import Subject

__all__ = ["agree", "check_equal", "check_same", "evaluate", "scores", "shown"]

_RELATIVE, _ABSOLUTE = 1e-4, 1e-5
"""Batched kernels differ in the last digits; nothing that is meant differs by less."""


def scores(objective: Any, completions: Sequence[Completion]) -> list[float]:
    """Return one finite number per completion.

    Raises:
        CheckFailedError: The objective raised, or returned something else.
    """
    found = _numbers(objective, completions)
    for number, completion in zip(found, completions, strict=True):
        if not math.isfinite(number):
            raise CheckFailedError(
                expected="a finite score for every completion",
                got=f"{number} for {shown(completion)}",
                fix="return a neutral score where there is nothing to measure; guard divisions and logarithms",
                root="scores_are_finite",
            )
    return found


def agree(one: float, other: float) -> bool:
    """Say whether two scores are equal up to rounding."""
    return math.isclose(one, other, rel_tol=_RELATIVE, abs_tol=_ABSOLUTE)


def check_equal(
    one: Sequence[float], other: Sequence[float], completions: Sequence[Completion], *, expected: str, fix: str
) -> None:
    """Compare two lists of scores of the same completions.

    Raises:
        CheckFailedError: A score differs.
    """
    for first, second, completion in zip(one, other, completions, strict=True):
        if not agree(first, second):
            raise CheckFailedError(
                expected=expected, got=f"{first:.6g} and {second:.6g} for {shown(completion)}", fix=fix
            )


def shown(completion: Completion) -> str:
    """Return the beginning of a response, for messages."""
    text = completion.response
    return f"the response {text[:60]!r}{'...' if len(text) > 60 else ''}"  # noqa: PLR2004 - a line's worth


def _numbers(objective: Any, completions: Sequence[Completion]) -> list[float]:
    expected, root = "one number per completion, in their order", "one_score_per_completion"
    try:
        found = list(objective.rewards(completions))
    except Exception as error:
        raise CheckFailedError(
            expected=expected,
            got=f"rewards() raised {type(error).__name__}: {error}",
            fix="score every text, with a neutral score where there is nothing to measure",
            root=root,
        ) from error
    if len(found) != len(completions):
        raise CheckFailedError(
            expected=expected,
            got=f"{len(found)} scores for {len(completions)} completions",
            fix="leave none out and score duplicates each time",
            root=root,
        )
    for item, completion in zip(found, completions, strict=True):
        if not _is_number(item):
            raise CheckFailedError(
                expected=expected,
                got=f"{item!r} ({type(item).__name__}) for {shown(completion)}",
                fix="return floats",
                root=root,
            )
    return [float(item) for item in found]


def _is_number(item: Any) -> bool:
    """Say whether it is a real number, or a scalar of numpy or torch; a truth value is none."""
    if isinstance(item, bool):
        return False
    return isinstance(item, Real) or (getattr(item, "shape", None) == () and hasattr(item, "item"))


def evaluate(objective: Any, subject: Subject) -> list[float]:
    """Return the scores of the samples, or the losses of a batch of pairs.

    Raises:
        CheckFailedError: The objective raised, or returned no finite numbers.
    """
    if subject.kind == "auxiliary":
        return scores(objective, subject.completions)
    from upo_sdk.testing.losses import losses
    from upo_sdk.testing.pairs import Pairs

    found: list[float] = losses(objective, Pairs.sample().batch(subject.needs)).tolist()
    return found


def check_same(one: list[float], other: list[float], *, expected: str, fix: str) -> None:
    """Compare two results.

    Raises:
        CheckFailedError: They differ.
    """
    for number, (first, second) in enumerate(zip(one, other, strict=True)):
        if not agree(first, second):
            raise CheckFailedError(expected=expected, got=f"{first:.6g} and {second:.6g} for item {number}", fix=fix)
