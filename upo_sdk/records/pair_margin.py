"""``eval-pairs.jsonl``: the implicit margin of every pair that was evaluated."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from upo_sdk.records.base import LineRecord

__all__ = ["PairMargin"]


class PairMargin(LineRecord):
    """One pair of the data."""

    FILE: ClassVar[str] = "eval-pairs.jsonl"

    schema_version: Literal[1] = 1
    row: int = Field(description="Its row in the data, counted from 1.")
    prompt: str
    margin: float = Field(description="Implicit reward of the chosen response minus that of the rejected one, in nats.")
