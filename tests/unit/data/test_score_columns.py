"""Scores in the columns of a row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.data import check_scores, read_scores
from upo_sdk.data.problems import RowError
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.data import PreferenceData


@pytest.mark.parametrize(
    ("columns", "responses", "scores"),
    [
        ({"help": 2}, 1, [2.0]),
        ({"help": "0.25"}, 1, [0.25]),
        ({"help": [2, -1.5]}, 2, [2.0, -1.5]),
        ({"help_rejected": 1, "help_chosen": 3}, 2, [3.0, 1.0]),
        ({"help": [1, 2], "help_chosen": 3, "help_rejected": 4}, 2, [1.0, 2.0]),
    ],
)
def test_there_is_one_number_per_response(columns: dict[str, Any], responses: int, scores: list[float]) -> None:
    assert read_scores(columns, "help", responses) == scores


@pytest.mark.parametrize(
    ("columns", "responses", "message"),
    [
        ({"other": 1}, 1, "is missing; this row has: other"),
        ({"help_chosen": 1}, 2, "is missing, and neither are 'help_chosen' and 'help_rejected'"),
        ({"help": 1}, 2, r"is a number, not a list \[chosen, rejected\]"),
        ({"help": [1, 2, 3]}, 2, r"is a list, not a list \[chosen, rejected\] of two"),
        ({"help": [1, None]}, 2, "is null, not a finite number"),
        ({"help": "high"}, 1, "is 'high', not a finite number"),
        ({"help": float("nan")}, 1, "is nan, not a finite number"),
        ({"help": True}, 1, "is true or false, not a finite number"),
        ({"help": 10**400}, 1, "not a finite number"),
    ],
)
def test_anything_else_is_refused(columns: dict[str, Any], responses: int, message: str) -> None:
    with pytest.raises(RowError, match=message):
        read_scores(columns, "help", responses)


def test_all_bad_rows_are_counted_and_named_before_any_work(load: Callable[..., PreferenceData]) -> None:
    pair = {"prompt": "p", "chosen": "a", "rejected": "b"}
    data = load({**pair, "help": [1, 2]}, {**pair, "help": [1, "x"]}, pair).train
    with pytest.raises(DataError, match="2 of 3 rows are bad") as caught:
        check_scores(data, {"help"}, "pairs.jsonl")
    assert r"row 2, column 'help[1]': is 'x'" in caught.value.what
    assert "row 3, column 'help': is missing" in caught.value.what
    check_scores(data, (), "pairs.jsonl")
