"""Numbers that the data brings along in columns of their own: row weights, margins and rewards."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from upo_sdk.data.problems import Problems, RowError, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from datasets import Dataset

    from upo_sdk.data.load import PreferenceData

__all__ = [
    "MARGIN",
    "SAMPLE_WEIGHT",
    "check_numbers",
    "margins",
    "reward_columns",
    "rewards_in_data",
    "sample_weights",
]

SAMPLE_WEIGHT = "sample_weight"
MARGIN = "margin"

FloatArray = np.ndarray[tuple[int], np.dtype[np.float64]]


def sample_weights(dataset: Dataset) -> FloatArray:
    """Return the column ``sample_weight``: how much each row counts, shape [R].

    Raises:
        DataError: A value is not a finite number, or below zero.
    """
    return _read(dataset, (SAMPLE_WEIGHT,), lambda values, _row: [_not_negative(values[0])])


def margins(dataset: Dataset) -> FloatArray:
    """Return the column ``margin``: by how much the chosen response is better, shape [R].

    Raises:
        DataError: A value is not a finite number.
    """
    return _read(dataset, (MARGIN,), lambda values, _row: [_number(values[0], MARGIN)])


def reward_columns(label: str, columns: Collection[str]) -> tuple[str, ...]:
    """Return the columns that hold the rewards of an objective: none, ``reward/LABEL``, or that with each response."""
    whole, pair = f"reward/{label}", (f"reward/{label}/chosen", f"reward/{label}/rejected")
    return (whole,) if whole in columns else pair if set(pair) <= set(columns) else ()


def rewards_in_data(dataset: Dataset, columns: tuple[str, ...]) -> FloatArray:
    """Return the rewards of all completions in row-major order, shape [N].

    Args:
        dataset: A part of :class:`PreferenceData`, or what :func:`tokenize` made of it.
        columns: From :func:`reward_columns`. One column holds ``[chosen, rejected]`` for pairs, a number for single
            completions.

    Raises:
        DataError: A value is not a finite number, or there is not one for each response.
    """

    def read(values: list[Any], responses: int) -> list[float]:
        found = values[0] if len(columns) == 1 and isinstance(values[0], list) else values
        if len(found) != responses:
            raise RowError(columns[0], f"has {len(found)} rewards for {responses} responses: write [chosen, rejected]")
        names = columns if len(columns) == len(found) else columns * len(found)
        return [_number(value, name) for value, name in zip(found, names, strict=True)]

    return _read(dataset, columns, read)


def check_numbers(data: PreferenceData, rewarded: Sequence[str], margin_readers: Sequence[str]) -> list[str]:
    """Check every number that a run would read, and return one sentence for each column that is used.

    Args:
        data: Both parts are checked.
        rewarded: The labels of the auxiliary objectives.
        margin_readers: The labels of the objectives that read margins.

    Raises:
        DataError: A value is not what its column must hold.
    """
    found = {label: columns for label in rewarded if (columns := reward_columns(label, data.columns))}
    weighted = SAMPLE_WEIGHT in data.columns
    with_margin = MARGIN in data.columns and bool(margin_readers)
    for part in (data.train, *([data.eval] if data.eval is not None else [])):
        for columns in found.values():
            rewards_in_data(part, columns)
        if weighted:
            sample_weights(part)
        if with_margin:
            margins(part)
    return [
        *([f"the data's column '{SAMPLE_WEIGHT}' says how much each row counts"] if weighted else []),
        *([f"the data's column '{MARGIN}' is subtracted from the logit of {margin_readers[0]}"] if with_margin else []),
        *(
            f"'{label}' is not scored: its rewards are in the data ({' and '.join(columns)})"
            for label, columns in found.items()
        ),
    ]


def _read(dataset: Dataset, columns: tuple[str, ...], read: Callable[[list[Any], int], list[float]]) -> FloatArray:
    problems, numbers = Problems(f"column {' and '.join(columns)}"), list[float]()
    for row in cast("Iterable[dict[str, Any]]", dataset.select_columns(["row", "desirable", "extra"])):
        extra = json.loads(row["extra"])
        try:
            numbers += read([extra.get(column) for column in columns], len(row["desirable"]))
        except RowError as error:
            problems.add(row["row"], error)
    problems.raise_if_any(len(dataset), fix="correct these values, or leave the column out")
    return np.array(numbers)


def _number(value: Any, column: str) -> float:
    if isinstance(value, str):  # a cell of a CSV file has no other type
        try:
            value = float(value)
        except ValueError:
            raise RowError(column, f"is {value!r}, not a number") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise RowError(column, f"is {kind_of(value)}, not a number")
    if not math.isfinite(value):
        raise RowError(column, f"is {value}, not a finite number")
    return float(value)


def _not_negative(value: Any) -> float:
    number = _number(value, SAMPLE_WEIGHT)
    if number < 0:
        raise RowError(SAMPLE_WEIGHT, f"is {number:g}, below zero")
    return number
