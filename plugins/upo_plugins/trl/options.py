"""Options of the ``trl`` objective."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from upo_sdk.objectives import NameList, Options

__all__ = ["RewardFunctionOptions"]


class RewardFunctionOptions(Options):
    """Options of the ``trl`` objective."""

    function: str = Field(
        pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)*[.:][A-Za-z_]\w*$",
        description="Import path of the function, package.module.function; it is imported and run.",
    )
    columns: NameList = Field(
        default=(),
        description="Columns of the data to pass, besides those that the function has parameters for.",
    )
    none: float = Field(
        default=0.0,
        allow_inf_nan=False,
        description="Reward where the function returns None; 0 adds nothing, as in TRL's sum.",
    )
    form: Literal["data", "conversational", "standard"] = Field(
        default="data",
        description="What the function receives: data: messages or plain text, as in the data; conversational: "
        "messages; standard: text.",
    )
