"""Batches of the reference pass: by prompt, within their limits, the longest first."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.policy.reference_plan import plan_batches


def plan(responses: list[tuple[int, int, int]], per_batch: int, per_row: int) -> list[list[list[int]]]:
    """Plan responses given as (prompt, tokens of the prompt, tokens of the response)."""
    prompt_M, prompt_length_M, response_length_M = np.array(responses).T
    batches = plan_batches(
        prompt_M, prompt_length_M, response_length_M, tokens_per_batch=per_batch, tokens_per_row=per_row
    )
    return [[row.tolist() for row in batch] for batch in batches]


def test_responses_to_one_prompt_are_one_row_and_the_longest_comes_first() -> None:
    assert plan([(0, 5, 2), (1, 5, 9), (0, 5, 3)], 100, 100) == [[[1], [2, 0]]]


def test_a_row_ends_where_prompt_and_responses_together_reach_the_limit() -> None:
    assert plan([(0, 5, 4), (0, 5, 3), (0, 5, 2)], 100, 12) == [[[0, 1], [2]]]  # 5 + 4 + 3 = 12


def test_a_batch_counts_its_padding_and_repeated_prompts() -> None:
    assert plan([(0, 5, 5), (1, 5, 1), (2, 5, 1)], 20, 100) == [[[0], [1]], [[2]]]  # 2 · 10 = 20


def test_a_response_beyond_every_limit_stands_alone() -> None:
    assert plan([(0, 50, 50), (0, 50, 40)], 10, 10) == [[[0]], [[1]]]


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 40)), min_size=1, max_size=40),
    st.integers(1, 300),
    st.integers(1, 200),
)
def test_every_response_is_in_exactly_one_row_within_the_limits(
    drawn: list[tuple[int, int]], per_batch: int, per_row: int
) -> None:
    responses = [(prompt, prompt * 7 + 1, length) for prompt, length in drawn]
    batches = plan(responses, per_batch, per_row)
    assert sorted(index for batch in batches for row in batch for index in row) == list(range(len(responses)))
    for batch in batches:
        widths = [responses[index][1] + responses[index][2] for row in batch for index in row]
        assert len(widths) == 1 or len(widths) * max(widths) <= per_batch
        for row in batch:
            assert len({responses[index][0] for index in row}) == 1
            tokens = responses[row[0]][1] + sum(responses[index][2] for index in row)
            assert len(row) == 1 or tokens <= per_row
    longest = [max(responses[index][1] + responses[index][2] for index in batch[0]) for batch in batches]
    assert longest == sorted(longest, reverse=True)
