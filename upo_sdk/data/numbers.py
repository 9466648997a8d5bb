"""Numbers that the data brings along in columns of their own: row weights, margins and rewards."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.data.columns import read_rows_of
from upo_sdk.data.problems import RowError
from upo_sdk.data.provenance import problems_of
from upo_sdk.data.scores import read_scores
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from datasets import Dataset

    from upo_sdk.arrays import FloatArray
    from upo_sdk.data.load import PreferenceData

__all__ = ["MARGIN", "SAMPLE_WEIGHT", "check_numbers", "has_rewards", "margins", "rewards_in_data", "sample_weights"]

SAMPLE_WEIGHT = "sample_weight"
MARGIN = "margin"


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
    problems, numbers = problems_of(dataset), list[float]()
    for row in read_rows_of(dataset, "row", "desirable", "extra"):
        try:
            found = read_scores(json.loads(row["extra"]), name, len(row["desirable"]) if per_response else 1)
            if min(found) < minimum:
                raise RowError(name, f"is {min(found):g}, below {minimum:g}")  # noqa: TRY301 - like all problems of a row
        except RowError as error:
            problems.add(row["row"], error)
            continue
        numbers += found
    problems.raise_if_any(len(dataset), fix="correct these values, or leave the column out")
    return np.array(numbers)
