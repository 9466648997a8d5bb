from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.evaluation.answers import Answers
from upo_sdk.evaluation.text_metrics import FORM_NAMES, distinct, form_measurements, repetition
from upo_sdk.objectives import Completion


def answers(*tokens: list[int], num_samples: int = 1, unfinished: int = 0) -> Answers:
    return Answers(
        completions=[Completion("p", " ".join(map(str, ids))) for ids in tokens],
        tokens=tokens,
        ids=tokens,
        num_samples=num_samples,
        finished=[number >= unfinished for number in range(len(tokens))],
    )


def test_repetition_is_the_share_of_n_grams_that_occurred_before() -> None:
    assert repetition([1, 2, 3, 4, 1, 2, 3, 4]) == pytest.approx(1 / 5)  # five 4-grams, the last one is the first
    assert repetition([7] * 10) == pytest.approx(6 / 7)
    assert repetition([1, 2, 3, 4, 5]) == 0
    assert repetition([1, 1, 1]) == 0  # too short to hold a 4-gram


def test_distinct_counts_over_all_responses_together() -> None:
    responses = [[1, 2], [1, 3]]
    assert distinct(responses, 1).value == pytest.approx(3 / 4)
    assert distinct(responses, 2).value == 1
    assert not distinct(responses, 3).exists


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=6), st.integers(1, 3))
def test_distinct_is_the_number_of_different_n_grams_by_their_number(responses: list[list[int]], n: int) -> None:
    grams = [tuple(ids[place : place + n]) for ids in responses for place in range(len(ids) - n + 1)]
    sums = distinct(responses, n)
    assert sums.total_U.sum() == pytest.approx(len(set(grams)))
    assert sums.count_U.sum() == len(grams)


def test_answers_to_one_prompt_are_one_unit() -> None:
    sums = distinct([[1, 2], [1, 2], [3, 4], [5, 6]], 1, per_unit=2)
    np.testing.assert_allclose(sums.total_U, [2, 4])  # 1 and 2 occur twice each, so each place counts a half
    np.testing.assert_allclose(sums.count_U, [4, 4])


def test_the_length_ratio_is_that_of_the_mean_lengths() -> None:
    found = {item.name: item for item in form_measurements(answers([1, 2, 3], [4]), answers([1], [2]))}
    assert tuple(found) == FORM_NAMES
    assert found["length/tokens"].model.value == 2
    assert found["length_ratio"].model.value == 2  # 4 tokens by 2, not the mean of 3 and 1


def test_answers_that_were_cut_off_are_counted() -> None:
    found = {item.name: item for item in form_measurements(answers([1], [2], [3], [4], unfinished=1), None)}
    assert found["truncated"].model.value == 0.25
    assert "length_ratio" not in found
