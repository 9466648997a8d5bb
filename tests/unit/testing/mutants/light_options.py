"""Options as they should be, and with one mistake each."""

from __future__ import annotations

from itertools import count

from pydantic import BaseModel, Field, field_validator

from upo_sdk.objectives import Options

_NUMBERS = count()


class GoodOptions(Options):
    word: str = Field(default="please", description="What is polite.")


class LaxOptions(BaseModel):
    word: str = Field(default="please", description="What is polite.")


class SilentOptions(Options):
    word: str = "please"


class DriftingOptions(Options):
    share: float = Field(default=0.5, description="Per cent, read as a share.", validate_default=True)

    @field_validator("share")
    @classmethod
    def _per_cent(cls, value: float) -> float:
        return value / 100


class HiddenOptions(Options):
    word: str = Field(default="please", description="What is polite.")
    key: str = Field(default_factory=lambda: f"key {next(_NUMBERS)}", description="Made anew.", exclude=True)
