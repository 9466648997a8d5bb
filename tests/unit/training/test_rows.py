"""Prepared rows: the mismatched response belongs to another prompt wherever there is one."""

from __future__ import annotations

import numpy as np
from datasets import Dataset

from upo_sdk.training.rows import PreparedRow, prepare_rows


def prepared(prompts: list[int], max_length: int = 100) -> list[PreparedRow]:
    dataset = Dataset.from_dict(
        {
            "prompt_ids": [[prompt] for prompt in prompts],
            "response_ids": [[[100 + index, 7, 7]] for index in range(len(prompts))],
            "desirable": [[True]] * len(prompts),
        }
    )
    rewards = [np.zeros((1, 0))] * len(prompts)
    return prepare_rows(dataset, rewards, None, mismatched=True, max_length=max_length)


def partners(prompts: list[int]) -> list[int]:
    return [row.branches.response_ids[-1][0] - 100 for row in prepared(prompts)]


def test_consecutive_rows_of_one_prompt_are_skipped() -> None:
    assert partners([1, 1, 2, 2, 3]) == [2, 2, 4, 4, 0]


def test_the_search_goes_around_the_end() -> None:
    assert partners([1, 2, 1, 1]) == [1, 2, 1, 1]


def test_with_one_prompt_only_the_next_row_serves() -> None:
    assert partners([1, 1, 1]) == [1, 2, 0]


def test_the_mismatched_response_is_cut_to_the_limit() -> None:
    assert len(prepared([1, 2], max_length=3)[0].branches.response_ids[-1]) == 2
