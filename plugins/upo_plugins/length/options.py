"""Options of the ``length`` objective."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from upo_sdk.objectives import Options

__all__ = ["LengthOptions", "Unit"]

Unit = Literal["words", "characters", "tokens"]


class LengthOptions(Options):
    """Options of the ``length`` objective; exactly one of ``target`` and ``maximum`` is needed."""

    target: int | None = Field(
        default=None, ge=1, description="The best length: longer and shorter responses earn less."
    )
    maximum: int | None = Field(default=None, ge=1, description="The longest length that still earns the full reward.")
    unit: Unit = Field(default="words", description="What is counted; tokens are those of the policy's tokenizer.")
    width: float = Field(
        default=0.3,
        gt=0,
        allow_inf_nan=False,
        description="Tolerance, relative: at e^±width times the length (about ±30 %) the reward is .61.",
    )

    @model_validator(mode="after")
    def _check_one_peak(self) -> Self:
        if (self.target is None) == (self.maximum is None):
            given = "neither" if self.target is None else "both"
            raise ValueError(
                f"length needs a target or a maximum, and got {given}: write length:0.1,target=120 or "
                "length:0.1,maximum=200"
            )
        return self
