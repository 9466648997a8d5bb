"""What is wrong with single rows, collected over the whole dataset and raised as one error."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, NamedTuple

from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from datasets import Dataset

__all__ = [
    "BAD_ROWS_FILE",
    "BadRow",
    "Problems",
    "RowError",
    "describe_left_out",
    "is_nothing",
    "kind_of",
    "list_bad_rows",
    "problems_of",
    "with_names",
]

BAD_ROWS_FILE = "bad_rows.jsonl"
"""Where a run lists the rows that it leaves out."""

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


class BadRow(NamedTuple):
    """One row that cannot be used, for the list of those that are left out."""

    source: str
    row: int
    column: str | None
    reason: str

    def describe(self) -> str:
        """Return row, column and reason in one clause."""
        column = f", column '{self.column}'" if self.column is not None else ""
        return f"row {self.row}{column}: {self.reason}"


class Problems:
    """Counts the bad rows of a source, and keeps the first few for the message, or all to list what is left out.

    Args:
        source: What to name as the place: a file, a folder or a hub name.
        drop: Bad rows are left out, unless no good one is there.
        names: What the source calls the columns of normalised rows.
    """

    def __init__(self, source: str, *, drop: bool = False, names: Mapping[str, str] | None = None) -> None:
        self.source = source
        self._names = names or {}
        self.count = 0
        self.drop = drop
        self._rows = list[BadRow]()

    @property
    def rows(self) -> list[BadRow]:
        """The bad rows in the order of the source: all of them if they are left out, else the first few."""
        return sorted(self._rows, key=lambda bad: bad.row)

    def add(self, row: int, error: RowError) -> BadRow:
        """Count a bad row, and return it; ``row`` is 1-based in the source."""
        self.count += 1
        column = error.column and self._names.get(error.column, error.column)
        bad = BadRow(self.source, row, column, error.reason)
        self._rows.append(bad)
        if not self.drop:
            self._rows = self.rows[:_SHOWN]
        return bad

    def raise_if_any(self, total: int, *, fix: str) -> None:
        """Raise one error for all bad rows, unless they are left out and some row is good.

        Raises:
            DataError: There was at least one.
        """
        if not self.count or (self.drop and self.count < total):
            return
        leave_out = "" if self.drop else "; or leave them out: `data.on_bad_rows=drop`"
        raise DataError(_described(self.rows, total, self.count), where=self.source, fix=f"{fix}{leave_out}")


def _described(rows: Sequence[BadRow], total: int, count: int | None = None) -> str:
    """Return how many of how many rows are bad, and why the first few are.

    Args:
        rows: At least the first few.
        total: Of all rows.
        count: Of the bad ones, if ``rows`` are not all.
    """
    count = len(rows) if count is None else count
    shown = f" (first {_SHOWN} shown)" if count > _SHOWN else ""
    first = "; ".join(bad.describe() for bad in rows[:_SHOWN])
    return f"{count:,} of {total:,} rows {'is' if count == 1 else 'are'} bad: {first}{shown}"


def describe_left_out(rows: Sequence[BadRow], total: int) -> str:
    """Return how many of how many rows are left out, and why the first few are."""
    return f"{_described(rows, total)}; left out"


def list_bad_rows(rows: Iterable[BadRow]) -> str:
    """Return the content of the list: one JSON object a line."""
    return "".join(json.dumps(bad._asdict(), ensure_ascii=False) + "\n" for bad in rows)


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


def with_names(dataset: Dataset, source: str, names: Mapping[str, str]) -> Dataset:
    """Return a dataset, all parts and products of which know what errors call its source and its columns.

    Args:
        dataset: Normalised rows.
        source: A file, a folder or a hub name.
        names: What the source calls the columns ``prompt``, ``responses`` and ``messages``.
    """
    named = dataset.select(range(len(dataset)))
    named.info.description = json.dumps({"source": source, "names": names})
    return named


def problems_of(dataset: Dataset, *, drop: bool = False) -> Problems:
    """Return a collection of bad rows that calls source and columns as the user does.

    Args:
        dataset: A part of :class:`PreferenceData`, or what was made of it.
        drop: Bad rows are left out, unless no good one is there.
    """
    return Problems(**json.loads(dataset.info.description or '{"source": "data"}'), drop=drop)
