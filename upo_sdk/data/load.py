"""From a :class:`DataConfig` to checked, normalised preference data."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.data.cells import columns_of_messages
from upo_sdk.data.columns import build_dataset
from upo_sdk.data.problems import Problems, RowError, describe_left_out, is_nothing, with_names
from upo_sdk.data.rows import Reading
from upo_sdk.data.shapes import choose_format, detect_shape, row_converter
from upo_sdk.data.source import read_rows
from upo_sdk.data.split import hold_out
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from datasets import Dataset

    from upo_sdk.config.sections import DataConfig
    from upo_sdk.data.files import Row
    from upo_sdk.data.problems import BadRow
    from upo_sdk.data.rows import NormalisedRow
    from upo_sdk.data.shapes import Kind, Shape
    from upo_sdk.plugin.specs import DatasetFormatSpec

__all__ = ["PreferenceData", "load_preference_data"]

_FIX = "nothing was trained; correct or remove these rows"
_SAMPLE_ROWS = 20
"""Rows from which is decided whether a column of text holds messages."""


@dataclass(frozen=True, kw_only=True)
class PreferenceData:
    """Checked preference data in one normalised form.

    Columns of ``train`` and ``eval``: ``row`` (1-based in the source), ``prompt`` and ``responses`` (plain text, as
    objectives see it; ``[chosen, rejected]`` or ``[completion]``), ``desirable`` (per response), ``extra`` (all other
    columns of the source, one JSON object; :func:`completions` reads it), and for conversations ``prompt_messages``,
    ``response_messages`` and ``template_inputs``, which :func:`~upo_sdk.data.messages.load_conversation` reads.

    Attributes:
        train: Rows to train on.
        eval: Rows to evaluate on, or None.
        shape: Pairs, or single completions labelled desirable or not.
        conversational: Whether the policy sees the messages through its chat template.
        columns: Further columns that every row has, which ``Needs.columns`` may ask for.
        unread: Further columns that any row has, with the first row in which they hold something.
        overruled: Columns of the prompt whose text differs from the messages that the responses begin with, with the
            first row in which it does.
        bad_rows: What is left out because ``on_bad_rows`` is ``drop``.
        fingerprint: SHA-256 of the normalised content of both parts, in hexadecimal.
        description: One sentence: how much of what was found where.
    """

    train: Dataset
    eval: Dataset | None
    shape: Kind
    conversational: bool
    columns: frozenset[str]
    unread: Mapping[str, int]
    overruled: Mapping[str, int]
    bad_rows: tuple[BadRow, ...]
    fingerprint: str
    description: str

    def describe_bad_rows(self) -> list[str]:
        """Return a sentence about the rows that are left out, if there are some."""
        rows = len(self.train) + len(self.eval or ()) + len(self.bad_rows)
        return [describe_left_out(self.bad_rows, rows)] if self.bad_rows else []


def load_preference_data(
    config: DataConfig,
    *,
    formats: Sequence[DatasetFormatSpec] = (),
    labelled: bool = True,
) -> PreferenceData:
    """Read, check and normalise preference data.

    Args:
        config: What to read.
        formats: Shapes that plugins can read, besides the built-in ones.
        labelled: Whether single completions need a label; those without one count as desirable.

    Raises:
        DataError: The source, its columns or any of its rows cannot be used; all bad rows are counted.
        OfflineError: A hub name that is not cached, and the hub is out of reach.
    """
    load = partial(_load_split, config, formats=formats, labelled=labelled)
    data, form = load(config.path, config.split, config.max_rows)
    parts = [f"{form} from {_name(config.path)}", data.description]
    if config.eval_fraction:
        train, held_out = hold_out(data.train, config.eval_fraction, config.path)
        data = replace(data, train=train, eval=held_out)
    elif config.eval_path or config.eval_split:
        split = config.eval_split or ("train" if config.eval_path else config.split)
        other, other_form = load(config.eval_path or config.path, split, None)
        if (data.shape, data.conversational) != (other.shape, other.conversational):
            raise DataError(
                f"training data are {form}, evaluation data are {other_form}",
                where=config.eval_path or config.path,
                fix="give both in the same format",
            )
        data = _with_evaluation(data, other)
    if data.eval is not None:
        parts.append(f"{len(data.eval):,} to evaluate on")
    return replace(data, description=f"{len(data.train):,} {'; '.join(filter(None, parts))}")


def _with_evaluation(data: PreferenceData, other: PreferenceData) -> PreferenceData:
    return replace(
        data,
        eval=other.train,
        columns=data.columns & other.columns,
        unread={**other.unread, **data.unread},
        overruled={**other.overruled, **data.overruled},
        bad_rows=(*data.bad_rows, *other.bad_rows),
        fingerprint=hashlib.sha256(f"{data.fingerprint}{other.fingerprint}".encode()).hexdigest(),
    )


def _name(path: str) -> str:
    return Path(path).name if Path(path).expanduser().exists() else path


def _load_split(
    config: DataConfig,
    path: str,
    split: str,
    max_rows: int | None,
    *,
    formats: Sequence[DatasetFormatSpec],
    labelled: bool,
) -> tuple[PreferenceData, str]:
    """Return the data of one split, described by how its columns were read, and its form in words."""
    problems = Problems(path, drop=config.on_bad_rows == "drop")
    rows = islice(read_rows(path, split, problems), max_rows and min(max_rows, sys.maxsize))
    first = list(islice(rows, _SAMPLE_ROWS))
    if not first:
        problems.raise_if_any(problems.count, fix=_FIX)
        raise DataError("there are no rows", where=path, fix="give data that has rows")
    spec = choose_format(config.format, formats, first[0][1].keys())
    convert = row_converter(spec) if spec else dict[str, Any]
    sample = _sample(first, convert, problems)
    shape = _shape_of(sample, config, path, labelled=labelled)
    reading = Reading(shape, columns_of_messages(sample, (*shape.prompt, *shape.responses)), sample)
    checked = _Checked(chain(first, rows), convert, reading, problems)
    dataset = build_dataset(checked, conversational=reading.conversational, finish=checked.finish)
    data = PreferenceData(
        train=with_names(dataset, path, shape.names),
        eval=None,
        shape=shape.kind,
        conversational=reading.conversational,
        columns=frozenset(checked.in_every_row - shape.reads),
        unread={name: row for name, row in checked.first_row_with.items() if name not in reading.reads},
        overruled=reading.overruled,
        bad_rows=tuple(problems.rows),
        fingerprint=checked.digest.hexdigest(),
        description=reading.describe(checked.first_row_with.keys()),
    )
    noun = "pairs" if shape.kind == "pairs" else "labelled completions" if shape.label else "completions"
    style = "conversational" if reading.conversational else "standard"
    return data, f"{noun} ({style}, {'explicit' if shape.prompt else 'implicit'} prompt)"


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
class _Checked:
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
            self.digest.update(json.dumps(normalised, sort_keys=True).encode())
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
