"""The rows of one source, checked and normalised, and what was found in them."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, Literal

from upo_sdk.data.cells import columns_of_messages
from upo_sdk.data.columns import build_dataset
from upo_sdk.data.problems import BadRow, Problems, RowError, is_nothing
from upo_sdk.data.rows import Reading
from upo_sdk.data.shapes import choose_format, detect_shape, row_converter
from upo_sdk.errors import DataError
from upo_sdk.records import Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from datasets import Dataset

    from upo_sdk.config.sections import DataConfig
    from upo_sdk.data.files import Row
    from upo_sdk.data.rows import NormalisedRow
    from upo_sdk.data.shapes import Shape
    from upo_sdk.data.source import Source
    from upo_sdk.plugin.specs import DatasetFormatSpec

__all__ = ["Checked", "check_rows"]

_FIX = "nothing was trained; correct or remove these rows"
_SAMPLE_ROWS = 20
"""Rows from which is decided whether a column of text holds messages."""
_WRITTEN = json.JSONEncoder(sort_keys=True)


class Checked(Record):
    """What checking one source found, besides the rows themselves.

    Attributes:
        digest: SHA-256 of the normalised rows, in hexadecimal.
        kind: Pairs, or single completions with a label.
        conversational: Whether the rows have messages.
        form: Kind and style in words.
        names: What the source calls the columns of normalised rows.
        columns: Further columns that every row has.
        unread: Further columns that any row has, with the first row in which they hold something.
        overruled: Columns of the prompt that the responses overrule, with the first row of each.
        bad_rows: What is left out.
        description: How the columns were read.
        plugin_format: The format of a plugin that converted the rows, or None.
    """

    digest: str
    kind: Literal["pairs", "unpaired"]
    conversational: bool
    form: str
    names: dict[str, str]
    columns: frozenset[str]
    unread: dict[str, int]
    overruled: dict[str, int]
    bad_rows: tuple[BadRow, ...]
    description: str
    plugin_format: str | None


def check_rows(
    config: DataConfig, source: Source, max_rows: int | None, formats: Sequence[DatasetFormatSpec], *, labelled: bool
) -> tuple[Checked, Dataset]:
    """Read, check and normalise the rows of one source; ``labelled`` as of :func:`load_preference_data`.

    Raises:
        DataError: The source, its columns or any of its rows cannot be used; all bad rows are counted.
    """
    problems = Problems(source.name, drop=config.on_bad_rows == "drop")
    rows = islice(source.rows(problems), max_rows and min(max_rows, sys.maxsize))
    first = list(islice(rows, _SAMPLE_ROWS))
    if not first:
        problems.raise_if_any(problems.count, fix=_FIX)
        raise DataError("there are no rows", where=source.name, fix="give data that has rows")
    spec = choose_format(config.format, formats, first[0][1].keys())
    convert = row_converter(spec) if spec else dict[str, Any]
    sample = _sample(first, convert, problems)
    shape = _shape_of(sample, config, source.name, labelled=labelled)
    reading = Reading(shape, columns_of_messages(sample, (*shape.prompt, *shape.responses)), sample)
    good = _GoodRows(chain(first, rows), convert, reading, problems)
    dataset = build_dataset(good, conversational=reading.conversational, finish=good.finish)
    noun = "pairs" if shape.kind == "pairs" else "labelled completions" if shape.label else "completions"
    style = "conversational" if reading.conversational else "standard"
    found = Checked(
        digest=good.digest.hexdigest(),
        kind=shape.kind,
        conversational=reading.conversational,
        form=f"{noun} ({style}, {'explicit' if shape.prompt else 'implicit'} prompt)",
        names=shape.names,
        columns=frozenset(good.in_every_row - shape.reads),
        unread={name: row for name, row in good.first_row_with.items() if name not in reading.reads},
        overruled=reading.overruled,
        bad_rows=tuple(problems.rows),
        description=reading.describe(good.first_row_with.keys()),
        plugin_format=spec.name if spec else None,
    )
    return found, dataset


def _shape_of(sample: Sequence[Mapping[str, Any]], config: DataConfig, path: str, *, labelled: bool) -> Shape:
    """Return the shape of the first row that has one; rows that lack its columns are reported later.

    Raises:
        DataError: None has.
    """
    errors = list[DataError]()
    for row in sample:
        try:
            return detect_shape(row, config, path, labelled=labelled)
        except DataError as error:
            errors.append(error)
    raise errors[0]


def _sample(
    first: Sequence[Row], convert: Callable[[Mapping[str, Any]], Mapping[str, Any]], problems: Problems
) -> list[Mapping[str, Any]]:
    """Return the first rows that can be converted; there must be one."""
    converted = list[Mapping[str, Any]]()
    failed = list[tuple[int, RowError]]()
    for number, row in first:
        try:
            converted.append(convert(row))
        except RowError as error:
            failed.append((number, error))
    if not converted:
        for number, why in failed:
            problems.add(number, why)
        problems.raise_if_any(len(failed), fix=_FIX)
    return converted


@dataclass
class _GoodRows:
    """The normalised good rows of a source, counted and digested; the bad ones go to ``problems``."""

    rows: Iterable[Row]
    convert: Callable[[Mapping[str, Any]], Mapping[str, Any]]
    reading: Reading
    problems: Problems
    good: int = 0
    in_every_row: frozenset[str] = frozenset()
    first_row_with: dict[str, int] = field(default_factory=dict[str, int])
    digest: Any = field(default_factory=hashlib.sha256)

    def __iter__(self) -> Iterator[NormalisedRow]:
        for number, raw in self.rows:
            try:
                row = self.convert(raw)
                normalised = self.reading.normalise(number, row)
            except RowError as error:
                self.problems.add(number, error)
                continue
            self.good += 1
            self._note_columns(number, row)
            self.digest.update(_WRITTEN.encode(normalised).encode())
            yield normalised

    def _note_columns(self, number: int, row: Mapping[str, Any]) -> None:
        self.in_every_row = self.in_every_row & row.keys() if self.good > 1 else frozenset(row)
        if row.keys() <= self.first_row_with.keys():
            return
        read = [row.get(name) for name in self.reading.reads]
        for name, value in row.items():
            is_new = name in self.reading.reads or value not in read  # UltraFeedback's messages are the chosen ones
            if name not in self.first_row_with and not is_nothing(value) and is_new:
                self.first_row_with[name] = number

    def finish(self) -> str:
        """Return the digest of all rows, or raise if any was bad."""
        self.problems.raise_if_any(self.good + self.problems.count, fix=_FIX)
        return str(self.digest.hexdigest())
