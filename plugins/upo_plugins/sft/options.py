"""Options of the ``sft`` objective, and the choice of an average that ``cpo`` and ``orpo`` share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from upo_sdk.objectives import Options

__all__ = ["Average", "SFTOptions"]

Average = Annotated[
    Literal["response", "batch"],
    Field(
        description="What the likelihood is averaged over: response: the tokens of each response, then the responses; "
        "batch: all tokens of the batch at once, as TRL does, so that long responses count more."
    ),
]


class SFTOptions(Options):
    """Options of the ``sft`` objective."""

    average: Average = "response"
