"""Numbers that the data brings along in its columns: row weights, margins, rewards, and scores of responses."""

from __future__ import annotations

import json
import math
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.data.columns import read_rows_of
from upo_sdk.data.problems import Problems, RowError, kind_of, problems_of
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from datasets import Dataset

    from upo_sdk.arrays import FloatArray
    from upo_sdk.data.load import PreferenceData

__all__ = [
    "MARGIN",
    "SAMPLE_WEIGHT",
    "check_numbers",
    "check_scores",
    "has_rewards",
    "margins",
    "read_scores",
    "rewards_in_data",
    "sample_weights",
]

SAMPLE_WEIGHT = "sample_weight"
MARGIN = "margin"

_PAIR = ("chosen", "rejected")


def sample_weights(dataset: Dataset) -> FloatArray:
    """Return the column ``sample_weight``: how much each row counts, shape [R].

    Raises:
        DataError: A value is not a finite number, or below zero.
    """
    return _read(dataset, SAMPLE_WEIGHT, per_response=False, minimum=0.0)


def margins(dataset: Dataset) -> FloatArray:
    """Return the column ``margin``: by how much the chosen response is better, shape [R].

    Raises:
        DataError: A value is not a finite number.
    """
    return _read(dataset, MARGIN, per_response=False)


def has_rewards(label: str, columns: Collection[str]) -> bool:
    """Return whether the data holds the rewards of an objective, in the columns that :func:`read_scores` reads."""
    name = f"reward/{label}"
    return name in columns or {f"{name}_chosen", f"{name}_rejected"} <= set(columns)


def rewards_in_data(dataset: Dataset, label: str) -> FloatArray:
    """Return the rewards of all completions in row-major order, shape [N].

    Raises:
        DataError: A value is not a finite number, or there is not one for each response.
    """
    return _read(dataset, f"reward/{label}", per_response=True)


def check_numbers(data: PreferenceData, rewarded: Sequence[str], margin_readers: Sequence[str]) -> list[str]:
    """Check every number that a run would read, and return one sentence for each column that is used.

    Args:
        data: Both parts are checked.
        rewarded: The labels of the auxiliary objectives.
        margin_readers: The labels of the objectives that read margins.

    Raises:
        DataError: A value is not what its column must hold.
    """
    notices = list[str]()
    parts = [part for part in (data.train, data.eval) if part is not None]
    if SAMPLE_WEIGHT in data.columns:
        notices.append(f"the data's column '{SAMPLE_WEIGHT}' is the weight of each row in the loss")
        train_weights, *_ = [sample_weights(part) for part in parts]
        _require_any(train_weights)
    if MARGIN in data.columns and margin_readers:
        notices.append(f"the data's column '{MARGIN}' is subtracted from the logit of {', '.join(margin_readers)}")
        for part in parts:
            margins(part)
    for label in (label for label in rewarded if has_rewards(label, data.columns)):
        notices.append(f"'{label}' does not score the data: its rewards are read from the column 'reward/{label}'")
        for part in parts:
            rewards_in_data(part, label)
    return notices


def _require_any(weight_R: FloatArray) -> None:
    if not weight_R.any():
        raise DataError(
            f"all {len(weight_R):,} rows have weight 0, so nothing can be learned",
            where=f"column '{SAMPLE_WEIGHT}'",
            fix="give the rows that count a weight above 0, or leave the column out",
        )


def _read(dataset: Dataset, name: str, *, per_response: bool, minimum: float = -np.inf) -> FloatArray:
    def read(columns: Mapping[str, Any], responses: int) -> list[float]:
        found = read_scores(columns, name, responses if per_response else 1)
        if min(found) < minimum:
            raise RowError(name, f"is {min(found):g}, below {minimum:g}")
        return found

    return _read_rows(dataset, problems_of(dataset), read, fix="correct these values, or leave the column out")


def _read_rows(
    dataset: Dataset, problems: Problems, read: Callable[[Mapping[str, Any], int], list[float]], *, fix: str
) -> FloatArray:
    """Return what ``read`` makes of the further columns and the number of responses of every row."""
    numbers = array("d")
    for row in read_rows_of(dataset, "row", "desirable", "extra"):
        try:
            numbers.extend(read(json.loads(row["extra"]), len(row["desirable"])))
        except RowError as error:
            problems.add(row["row"], error)
    problems.raise_if_any(len(dataset), fix=fix)
    return np.array(numbers)


def read_scores(columns: Mapping[str, Any], name: str, responses: int) -> list[float]:
    """Return the scores of a row's responses under a name, one per response.

    A row with one response has a number in ``name``. A pair has ``[chosen, rejected]`` in ``name``, or a number in
    each of ``name_chosen`` and ``name_rejected``. Text that is a number counts as one: CSV has no other type.

    Args:
        columns: The columns of the row besides prompt and responses.
        name: What the scores are called.
        responses: How many responses the row has, one or two.

    Raises:
        RowError: A column is missing, has another length, or holds something that is not a finite number.
    """
    if responses == 1:
        found = {name: columns[name]} if name in columns else {}
    elif name in columns:
        both = columns[name]
        if not isinstance(both, list) or len(both) != responses:
            raise RowError(name, f"is {_described(both)}, not a list [chosen, rejected] of two numbers")
        found = {f"{name}[{index}]": value for index, value in enumerate(both)}
    else:
        found = {f"{name}_{side}": columns[f"{name}_{side}"] for side in _PAIR if f"{name}_{side}" in columns}
    if len(found) != responses:
        others = f", and neither are '{name}_chosen' and '{name}_rejected'" if responses > 1 else ""
        raise RowError(name, f"is missing{others}; this row has: {', '.join(columns) or 'nothing else'}")
    return [_number(column, value) for column, value in found.items()]


def check_scores(dataset: Dataset, names: Collection[str], source: str) -> None:
    """Read the scores of every row, so that a bad one is known before any work.

    Raises:
        DataError: Rows lack a score; all of them are counted, the first ones are named.
    """
    if not names:
        return

    def read(columns: Mapping[str, Any], responses: int) -> list[float]:
        return [score for name in sorted(names) for score in read_scores(columns, name, responses)]

    fix = "correct these rows, or name another column; nothing was trained"
    _read_rows(dataset, Problems(source), read, fix=fix)


def _number(column: str, value: Any) -> float:
    number = math.nan
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        with suppress(ValueError, OverflowError):
            number = float(value)
    if not math.isfinite(number):
        raise RowError(column, f"is {_described(value)}, not a finite number")
    return number


def _described(value: Any) -> str:
    return f"{value!r}" if isinstance(value, str | float) else kind_of(value)
