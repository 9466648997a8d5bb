"""The ``column`` objective: scores that the dataset already carries."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from upo_sdk.objectives import Needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_plugins.column.options import ColumnOptions
    from upo_sdk.objectives import Completion

__all__ = ["Column"]


class Column:
    """The ``column`` objective; the engine has checked every number before it is asked for rewards."""

    def __init__(self, options: ColumnOptions) -> None:
        self.options = options
        self.needs = Needs(score_columns=frozenset({options.name}))

    def setup(self, device: str, /) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to release."""

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Return the number that each completion carries, times the scale."""
        scores = (cast("float", completion.columns[self.options.name]) for completion in completions)
        return [self.options.scale * score for score in scores]
