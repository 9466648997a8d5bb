"""What a judge found: part of ``eval.json``."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from upo_sdk.records.base import Record
from upo_sdk.records.estimate import Estimate

__all__ = ["Cost", "Failure", "JudgeIdentity", "JudgeKind", "PositionBias", "WinRate"]


JudgeKind = Literal["reward-model", "language-model", "endpoint"]


class JudgeIdentity(Record):
    """Who judged."""

    kind: JudgeKind
    target: str = Field(description="hf:MODEL, lm:MODEL, or the address of the endpoint.")
    model: str | None = Field(description="The model's name at the endpoint.")
    template_sha256: str | None = Field(description="Of the question's template; null for a reward model.")
    threshold: float


class PositionBias(Record):
    """How much the order of the answers mattered.

    ``inconsistent`` is the share in percent of the pairs that were asked about whose two orders named different
    winners. ``first`` is the share in percent of all decided questions in which the first answer was preferred: 50 is
    no bias; null if none was decided.
    """

    inconsistent: float
    first: float | None


class Cost(Record):
    """What this evaluation asked for; what an earlier one had asked is in ``cached`` and costs nothing again."""

    requests: int = Field(description="Sent to the endpoint, further attempts included; or questions to a local model.")
    cached: int | None = Field(
        description="Questions answered before; null for a reward model, whose cache is that of scores."
    )
    prompt_tokens: int | None = Field(description="As counted by the judge; null if it does not say.")
    completion_tokens: int | None
    seconds: float
    price: float | None = Field(description="By the prices given per million tokens; null if none was given.")


class Failure(Record):
    """Pairs that were not judged, for one reason."""

    reason: str
    pairs: int
    example: str


class WinRate(Record):
    """How often a judge prefers the model's answers; a tie counts half, a failure is neither win nor loss.

    Rates are in percent.

    Attributes:
        pairs: Judged pairs: ``wins + ties + losses``.
        identical: Pairs of equal answers among the ties; nobody was asked about them.
        win_rate: ``100 · (wins + ties / 2) / pairs``; null if no pair was judged.
        length_controlled: The same, predicted for answers of equal length (arXiv 2404.04475).
        length_effect: Coefficient of the standardised, squashed difference of lengths, in log-odds: positive if the
            judge prefers longer answers.
        length_difference: Mean of the model's answers minus the others, in characters.
    """

    judge: JudgeIdentity
    against: Literal["baseline", "chosen"]
    pairs: int
    wins: int
    ties: int
    losses: int
    identical: int
    win_rate: Estimate | None
    length_controlled: Estimate | None
    length_effect: float | None
    length_difference: float | None
    position: PositionBias | None = Field(description="Null for a reward model, which sees no order.")
    cost: Cost
    failures: tuple[Failure, ...]
    remarks: tuple[str, ...] = ()
