"""The ``column`` objective: scores that the dataset already carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from pydantic import Field

from upo_sdk.objectives import BaseObjective, Needs, Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Completion

__all__ = ["Column", "ColumnOptions"]


class ColumnOptions(Options):
    """Options of the ``column`` objective."""

    name: str = Field(
        min_length=1,
        description="Column with one number per response; pairs have [chosen, rejected] in it, or NAME_chosen and "
        "NAME_rejected.",
    )
    scale: float = Field(default=1.0, allow_inf_nan=False, description="Factor; negative if lower scores are better.")


class Column(BaseObjective):
    """The ``column`` objective; the engine has checked every number before it is asked for rewards."""

    def __init__(self, options: ColumnOptions) -> None:
        self.options = options
        self.needs = Needs(score_columns=frozenset({options.name}))

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Return the number that each completion carries, times the scale."""
        scores = (cast("float", completion.columns[self.options.name]) for completion in completions)
        return [self.options.scale * score for score in scores]
