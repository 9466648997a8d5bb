"""What goes over the wire: a batch of completions out, as many scores back."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Item", "ScoreRequest", "ScoreResponse"]


class Item(BaseModel):
    """One completion; ``columns`` holds the columns that the option of that name asks for."""

    prompt: str
    response: str
    columns: dict[str, Any] = Field(default_factory=dict)


class ScoreRequest(BaseModel):
    """The body of a request."""

    completions: list[Item]


class ScoreResponse(BaseModel):
    """The body of an answer with status 200: one finite number per completion, in order, higher is better."""

    model_config = ConfigDict(strict=True)

    scores: list[Annotated[float, Field(allow_inf_nan=False)]]
