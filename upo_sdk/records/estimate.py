"""A mean with its interval: what every measured number is."""

from __future__ import annotations

from typing import ClassVar

from pydantic import ConfigDict, Field

from upo_sdk.records.base import Record

__all__ = ["Estimate"]


class Estimate(Record):
    """A mean with its 95 % interval."""

    model_config = ConfigDict(allow_inf_nan=False)

    ENOUGH: ClassVar[int] = 10
    """Units from which on a verdict is given; docs/reference/evaluation.md says what fewer would get wrong."""

    mean: float = Field(description="The mean, or the ratio of two sums, over everything that was measured.")
    low: float | None = Field(description="Lower end of the 95 % interval; null if one prompt is all there is.")
    high: float | None = Field(description="Upper end of the 95 % interval, likewise.")
    count: int = Field(ge=0, description="Prompts behind it; they are the units of the interval.")

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, if there are any."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @property
    def enough(self) -> bool:
        """Whether there are prompts enough for a verdict."""
        return self.count >= self.ENOUGH
