"""What is wrong with single rows, collected over the whole dataset and raised as one error."""

from __future__ import annotations

import json
import math
from bisect import bisect_left
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from datasets import Dataset

__all__ = [
    "BAD_ROWS_FILE",
    "ONE_PART",
    "BadRow",
    "Part",
    "Parts",
    "Problems",
    "RowError",
    "describe_left_out",
    "is_nothing",
    "kind_of",
    "list_bad_rows",
    "parts_of",
    "problems_of",
    "with_parts",
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

    def describe(self, *, with_source: bool) -> str:
        """Return row, column and reason in one clause."""
        source = f" of {self.source}" if with_source else ""
        column = f", column '{self.column}'" if self.column is not None else ""
        return f"row {self.row}{source}{column}: {self.reason}"


class Part(NamedTuple):
    """A file, a folder or a hub dataset that rows of a dataset are from.

    Attributes:
        source: What the user calls it.
        names: What it calls the columns of normalised rows.
        before: The numbers of its rows in the dataset are so much larger than in the source.
    """

    source: str
    names: Mapping[str, str] = {}
    before: int = 0


class Parts(tuple[Part, ...]):
    """All parts of a dataset, in the order of their numbers."""

    __slots__ = ()

    @property
    def source(self) -> str:
        """What to name as the place of an error."""
        return ", ".join(part.source for part in self)

    def locate(self, row: int) -> tuple[Part, int]:
        """Return the part of a row of the dataset, and its number in that source."""
        part = self[bisect_left(self, row, key=lambda part: part.before) - 1]
        return part, row - part.before

    def name_row(self, row: int) -> str:
        """Return what the user calls a row of the dataset: its number, and its source if there are several."""
        part, number = self.locate(row)
        return f"row {number} of {part.source}" if len(self) > 1 else f"row {number}"


ONE_PART = Parts([Part("data")])
"""Of rows that are from a single source."""


class Problems:
    """Counts the bad rows of a source, and keeps the first few for the message, or all to list what is left out.

    Args:
        source: What to name as the place, a file, a folder or a hub name; or all parts of a dataset.
        drop: Bad rows are left out, unless no good one is there.
    """

    def __init__(self, source: str | Parts, *, drop: bool = False) -> None:
        self.parts = Parts([Part(source)]) if isinstance(source, str) else source
        self.count = 0
        self.drop = drop
        self._rows = list[tuple[int, BadRow]]()

    @property
    def rows(self) -> list[BadRow]:
        """The bad rows in the order of the source: all of them if they are left out, else the first few."""
        return [bad for _, bad in sorted(self._rows, key=itemgetter(0))]

    def add(self, row: int, error: RowError) -> BadRow:
        """Count a bad row, and return it; ``row`` is its number in the dataset, 1-based in a single source."""
        self.count += 1
        part, number = self.parts.locate(row)
        column = error.column and part.names.get(error.column, error.column)
        bad = BadRow(part.source, number, column, error.reason)
        self._rows.append((row, bad))
        if not self.drop:
            self._rows = sorted(self._rows, key=itemgetter(0))[:_SHOWN]
        return bad

    def raise_if_any(self, total: int, *, fix: str) -> None:
        """Raise one error for all bad rows, unless they are left out and some row is good.

        Raises:
            DataError: There was at least one.
        """
        if not self.count or (self.drop and self.count < total):
            return
        leave_out = "" if self.drop else "; or leave them out: `data.on_bad_rows=drop`"
        raise DataError(
            _described(self.rows, total, self.parts, self.count), where=self.parts.source, fix=f"{fix}{leave_out}"
        )


def _described(rows: Sequence[BadRow], total: int, parts: Parts, count: int | None = None) -> str:
    """Return how many of how many rows are bad, and why the first few are.

    Args:
        rows: At least the first few.
        total: Of all rows.
        parts: Where rows are from.
        count: Of the bad ones, if ``rows`` are not all.
    """
    count = len(rows) if count is None else count
    shown = f" (first {_SHOWN} shown)" if count > _SHOWN else ""
    first = "; ".join(bad.describe(with_source=len(parts) > 1) for bad in rows[:_SHOWN])
    return f"{count:,} of {total:,} rows {'is' if count == 1 else 'are'} bad: {first}{shown}"


def describe_left_out(rows: Sequence[BadRow], total: int, parts: Parts) -> str:
    """Return how many of how many rows are left out, and why the first few are."""
    return f"{_described(rows, total, parts)}; left out"


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


def with_parts(dataset: Dataset, parts: Sequence[Part]) -> Dataset:
    """Return a dataset, all parts and products of which know what errors call its sources and their columns."""
    named = dataset.select(range(len(dataset)))
    named.info.description = json.dumps([(part.source, dict(part.names), part.before) for part in parts])
    return named


def parts_of(dataset: Dataset) -> Parts:
    """Return where the rows of a part of :class:`PreferenceData`, or of what was made of it, are from."""
    kept = dataset.info.description
    return Parts(Part(*part) for part in json.loads(kept)) if kept else ONE_PART


def problems_of(dataset: Dataset, *, drop: bool = False) -> Problems:
    """Return a collection of bad rows that calls sources and columns as the user does.

    Args:
        dataset: A part of :class:`PreferenceData`, or what was made of it.
        drop: Bad rows are left out, unless no good one is there.
    """
    return Problems(parts_of(dataset), drop=drop)
