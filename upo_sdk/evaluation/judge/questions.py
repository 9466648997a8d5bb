"""From pairs of answers to questions, two for each pair, and from verdicts back to wins, ties and losses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.evaluation.judge.template import fill

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.evaluation.judge.verdict import Verdict

__all__ = ["Pair", "Reply", "outcome", "questions"]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt.

    Attributes:
        answer: The model's.
        other: The baseline's, or the data's chosen response.
    """

    prompt: str
    answer: str
    other: str

    @property
    def identical(self) -> bool:
        """Whether there is nothing to decide."""
        return self.answer.strip() == self.other.strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a judge replied to one question: a verdict, or why there is none.

    Attributes:
        failure: A few words, the same for failures of one kind; empty if there is a verdict.
        example: The failure in full.
        answered: Whether the judge answered at all.
        last: Whether no further question may be asked.
        prompt_tokens: Of the question, if the judge counts them.
        completion_tokens: Of the reply.
        mass: How much of a local model's probability was on A, B and tie.
    """

    verdict: Verdict | None = None
    failure: str = ""
    example: str = ""
    answered: bool = True
    last: bool = False
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    mass: float | None = None


def questions(template: str, pair: Pair) -> tuple[str, str]:
    """Return both questions about a pair: the model's answer first, and the other one first."""
    return (
        fill(template, prompt=pair.prompt, first=pair.answer, second=pair.other),
        fill(template, prompt=pair.prompt, first=pair.other, second=pair.answer),
    )


_POINTS = {"first": 1.0, "tie": 0.5, "second": 0.0}


def outcome(verdicts: Sequence[Verdict]) -> float:
    """Return 1 for a win of the model's answer, ½ for a tie, 0 for a loss.

    Args:
        verdicts: With the model's answer first, then with the other one first. Their mean decides: orders that name
            different winners are a tie, and a winner in one order is not undone by a tie in the other.
    """
    straight, swapped = verdicts
    mean = (_POINTS[straight] + 1 - _POINTS[swapped]) / 2
    return 1.0 if mean > 0.5 else 0.0 if mean < 0.5 else 0.5  # noqa: PLR2004 - half of the points
