"""Options of the ``column`` objective."""

from __future__ import annotations

from pydantic import Field

from upo_sdk.objectives import Options

__all__ = ["ColumnOptions"]


class ColumnOptions(Options):
    """Options of the ``column`` objective."""

    name: str = Field(
        min_length=1,
        description="Column with one number per response; pairs have [chosen, rejected] in it, or NAME_chosen and "
        "NAME_rejected.",
    )
    scale: float = Field(default=1.0, allow_inf_nan=False, description="Factor; negative if lower scores are better.")
