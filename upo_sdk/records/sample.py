"""One line an answer or a pair: ``samples.jsonl``, ``eval-samples.jsonl`` and ``eval-pairs.jsonl``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from upo_sdk.records.base import LineRecord, Record

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Compared", "PairMargin", "Sample"]


class Compared(Record):
    """One value of both models' answers; null where a measure does not apply, or there is no baseline."""

    model: float | None
    baseline: float | None = None


class Sample(LineRecord):
    """The answers of both models to one prompt, side by side."""

    RUN_FILE: ClassVar[str] = "samples.jsonl"
    EVALUATION_FILE: ClassVar[str] = "eval-samples.jsonl"

    schema_version: Literal[2] = 2
    prompt: str
    chosen: str | None = Field(default=None, description="The response that the data prefers, if it has one.")
    model: str = Field(description="The model's answer.")
    baseline: str | None = Field(default=None, description="The baseline's answer.")
    tokens: Compared = Field(description="Tokens of the answers, counted with the model's tokenizer.")
    rewards: dict[str, Compared] = Field(description="As the objectives give them, by label.")
    normalized_rewards: dict[str, Compared] = Field(
        default_factory=dict, description="As they enter the loss, of objectives that are normalised."
    )
    measures: dict[str, Compared] = Field(
        default_factory=dict, description="What objectives measure in their own units, by name."
    )

    @classmethod
    def upgrade(cls, values: dict[str, Any], version: int) -> dict[str, Any]:
        """Read the samples of a run of 0.1, which had ``before`` and ``after``, and rewards as they enter the loss."""
        del version
        if "before" not in values:
            return values
        return {
            "prompt": values["prompt"],
            "model": values["after"],
            "baseline": values["before"],
            "tokens": _both(values["tokens"]),
            "rewards": {},
            "normalized_rewards": {label: _both(found) for label, found in values["rewards"].items()},
        }


def _both(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"model": found["after"], "baseline": found["before"]}


class PairMargin(LineRecord):
    """One pair of the data."""

    FILE: ClassVar[str] = "eval-pairs.jsonl"

    schema_version: Literal[1] = 1
    row: int = Field(description="Its row in the data, counted from 1.")
    prompt: str
    margin: float = Field(description="Implicit reward of the chosen response minus that of the rejected one, in nats.")
