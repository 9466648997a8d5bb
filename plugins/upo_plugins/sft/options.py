"""Options of the ``sft`` objective, and the choice of an average that ``cpo`` and ``orpo`` share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from upo_sdk.objectives import Options

__all__ = ["Average", "SFTOptions"]

Average = Annotated[
    Literal["response", "batch"],
    Field(
        description="How the likelihood is averaged: response: over the tokens of each response, then over responses; "
        "batch: over all tokens of the batch at once, as in TRL, so that long responses weigh more."
    ),
]


class SFTOptions(Options):
    """Options of the ``sft`` objective."""

    average: Average = "response"
