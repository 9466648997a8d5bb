"""The result of either kind of objective on the kit's input, as plain numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.rewards import agree, scores

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["check_same", "evaluate"]


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
