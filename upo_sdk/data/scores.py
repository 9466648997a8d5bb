"""Scores that the dataset already carries: one number per response, read from its columns."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from upo_sdk.data.problems import Problems, RowError, kind_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from datasets import Dataset

__all__ = ["check_scores", "read_scores"]

_PAIR = ("chosen", "rejected")


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
    problems = Problems(source)
    for row in cast("Iterable[dict[str, Any]]", dataset.select_columns(["row", "responses", "extra"])):
        extra = json.loads(row["extra"])
        try:
            for name in sorted(names):
                read_scores(extra, name, len(row["responses"]))
        except RowError as error:
            problems.add(row["row"], error)
    problems.raise_if_any(len(dataset), fix="correct these rows, or name another column; nothing was trained")


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
