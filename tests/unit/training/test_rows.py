"""Prepared rows: the mismatched response belongs to another prompt wherever there is one."""

from __future__ import annotations

import numpy as np
import pytest
from datasets import Dataset

from upo_sdk.training.rows import PreparedRows
from upo_sdk.training.tokenized_rows import TokenizedRows


def prepared(prompts: list[int], max_length: int = 100) -> PreparedRows:
    dataset = Dataset.from_dict(
        {
            "prompt_ids": [[prompt] for prompt in prompts],
            "response_ids": [[[100 + index, 7, 7]] for index in range(len(prompts))],
            "desirable": [[True]] * len(prompts),
        }
    )
    return PreparedRows(
        dataset, TokenizedRows(dataset, mismatched=True, max_length=max_length), np.zeros((len(prompts), 0))
    )


def partners(prompts: list[int]) -> list[int]:
    return [prepared(prompts)[index].branches.response_ids[-1][0] - 100 for index in range(len(prompts))]


def test_consecutive_rows_of_one_prompt_are_skipped() -> None:
    assert partners([1, 1, 2, 2, 3]) == [2, 2, 4, 4, 0]


def test_the_search_goes_around_the_end() -> None:
    assert partners([1, 2, 1, 1]) == [1, 2, 1, 1]


def test_with_one_prompt_only_the_next_row_serves() -> None:
    assert partners([1, 1, 1]) == [1, 2, 0]


def split() -> Dataset:
    return Dataset.from_dict(
        {
            "prompt_ids": [[1, 1], [2], [3, 3, 3]],
            "response_ids": [[[10, 11], [12]], [[13], [14, 15, 16]], [[17, 18], [19]]],
            "desirable": [[True, False], [False, True], [True, False]],
        }
    )


def test_a_row_has_its_own_rewards_and_labels_in_whatever_order_it_is_asked_for() -> None:
    rewards_NK = np.arange(12.0).reshape(6, 2)
    rows = PreparedRows(split(), TokenizedRows(split(), mismatched=False, max_length=9), rewards_NK)
    last, first = rows.__getitems__([2, 0])
    assert (last.branches.prompt_ids, last.branches.response_ids) == ([3, 3, 3], [[17, 18], [19]])
    assert last.rewards.tolist() == [[8, 9], [10, 11]]
    assert (first.rewards.tolist(), first.desirable) == ([[0, 1], [2, 3]], [True, False])
    assert rows[-1].branches == last.branches
    assert len(rows) == 3


@pytest.mark.parametrize("max_length", [3, 4, 5, 9])
def test_counts_and_lengths_agree_with_the_rows_and_their_mismatched_responses(max_length: int) -> None:
    branches = TokenizedRows(split(), mismatched=True, max_length=max_length)
    rows = branches.fetch([0, 1, 2])
    assert [row.response_ids[2][0] for row in rows] == [13, 19, 10]  # first of row 1, last of row 2, first of row 0
    assert branches.response_lengths_N.tolist() == [len(ids) for row in rows for ids in row.response_ids]
    assert branches.response_counts_R.tolist() == [3, 3, 3]
    assert branches.prompt_lengths_R.tolist() == [2, 1, 3]


def test_the_mismatched_response_is_cut_to_the_limit() -> None:
    assert len(prepared([1, 2], max_length=3)[0].branches.response_ids[-1]) == 2
