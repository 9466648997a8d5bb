"""What is wrong with single rows, collected over the whole dataset and raised as one error."""

from __future__ import annotations

import math

from upo_sdk.errors import DataError

__all__ = ["Problems", "RowError", "is_nothing", "kind_of"]

_SHOWN = 5


class RowError(Exception):
    """One row cannot be used.

    Args:
        column: The column as the source calls it, or None if the row as a whole is wrong.
        reason: What the value is, as a clause without subject, such as ``"is empty"``.
    """

    def __init__(self, column: str | None, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


class Problems:
    """Counts every bad row of a source and keeps the first few for the message.

    Args:
        source: What to name as the place: a file, a folder or a hub name.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self.count = 0
        self._first: list[tuple[int, str]] = []

    def add(self, row: int, error: RowError) -> None:
        """Count a bad row; ``row`` is 1-based in the source."""
        self.count += 1
        column = f", column '{error.column}'" if error.column is not None else ""
        self._first = sorted([*self._first, (row, f"row {row}{column}: {error.reason}")])[:_SHOWN]

    def raise_if_any(self, total: int, *, fix: str) -> None:
        """Raise one error for all bad rows.

        Raises:
            DataError: There was at least one.
        """
        if not self.count:
            return
        verb = "is" if self.count == 1 else "are"
        shown = f" (first {_SHOWN} shown)" if self.count > _SHOWN else ""
        first = "; ".join(text for _, text in self._first)
        raise DataError(f"{self.count:,} of {total:,} rows {verb} bad: {first}{shown}", where=self.source, fix=fix)


def is_nothing(value: object) -> bool:
    """Return whether a value is null or NaN, which pandas writes into empty cells."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def kind_of(value: object) -> str:
    """Return what a value is in a user's words, such as ``"a number"``."""
    if is_nothing(value):
        return "null" if value is None else "NaN (an empty cell of pandas)"
    kinds: dict[type, str] = {
        bool: "true or false",
        int: "a number",
        float: "a number",
        str: "text",
        list: "a list",
        dict: "an object",
    }
    return kinds.get(type(value), f"of type {type(value).__name__}")
