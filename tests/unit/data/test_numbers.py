"""Weights, margins and rewards that stand in the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.data import check_numbers, has_rewards, margins, rewards_in_data, sample_weights
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

PAIR = {"prompt": "p", "chosen": "good", "rejected": "bad"}
SINGLE = {"prompt": "p", "completion": "good", "label": True}


def test_weights_and_margins_are_read_row_by_row(load: Callable[..., Any]) -> None:
    data = load({**PAIR, "sample_weight": 2, "margin": -0.5}, {**PAIR, "sample_weight": "0.5", "margin": 0})
    assert sample_weights(data.train).tolist() == [2.0, 0.5]
    assert margins(data.train).tolist() == [-0.5, 0.0]


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (-1, "is -1, below 0"),
        (None, "is null, not a finite number"),
        (True, "is true or false, not a finite number"),
        ("much", "is 'much', not a finite number"),
        ("nan", "is 'nan', not a finite number"),
        ([1], "is a list, not a finite number"),
    ],
)
def test_a_weight_that_is_none_is_refused_with_its_row(load: Callable[..., Any], value: object, what: str) -> None:
    data = load({**PAIR, "sample_weight": 1}, {**PAIR, "sample_weight": value})
    with pytest.raises(DataError, match=f"row 2, column 'sample_weight': .*{what}"):
        sample_weights(data.train)


def test_rewards_of_a_pair_stand_in_one_column_or_in_two(load: Callable[..., Any]) -> None:
    data = load({**PAIR, "reward/tox": [0.9, 0.1], "reward/len_chosen": 1, "reward/len_rejected": "2.5"})
    assert [has_rewards(label, data.columns) for label in ("tox", "len", "other")] == [True, True, False]
    assert rewards_in_data(data.train, "tox").tolist() == [0.9, 0.1]
    assert rewards_in_data(data.train, "len").tolist() == [1.0, 2.5]


def test_the_reward_of_a_single_completion_is_a_number(load: Callable[..., Any]) -> None:
    data = load({**SINGLE, "reward/tox": 0.9}, {**SINGLE, "label": False, "reward/tox": 0.2})
    assert rewards_in_data(data.train, "tox").tolist() == [0.9, 0.2]


@pytest.mark.parametrize("value", [[0.9], [0.9, 0.1, 0.2], 0.9])
def test_a_pair_with_another_number_of_rewards_is_refused(load: Callable[..., Any], value: object) -> None:
    data = load({**PAIR, "reward/tox": value})
    with pytest.raises(DataError, match=r"not a list \[chosen, rejected\] of two numbers"):
        rewards_in_data(data.train, "tox")


def test_data_in_which_no_row_counts_is_refused(load: Callable[..., Any]) -> None:
    data = load({**PAIR, "sample_weight": 0})
    with pytest.raises(DataError, match="all 1 rows have weight 0"):
        check_numbers(data, [], [])


def test_only_what_a_run_reads_is_checked_and_named(load: Callable[..., Any]) -> None:
    data = load({**PAIR, "margin": "wide", "reward/tox": [1, 0], "reward/len": "x"})
    assert check_numbers(data, ["tox"], []) == [
        "'tox' does not score the data: its rewards are read from the column 'reward/tox'"
    ]
    with pytest.raises(DataError, match="column 'margin': is 'wide'"):
        check_numbers(data, [], ["dpo"])
