"""Metrics made of log-probs: implicit margins and the divergence from the base."""

from __future__ import annotations

import numpy as np
import pytest

from upo_sdk.evaluation.answers import Answers, Prompt
from upo_sdk.evaluation.log_probs import implicit_margins, kl_measurement, pair_measurements, tokenized_answers
from upo_sdk.objectives import Completion

ANSWERS = Answers(
    completions=[Completion("p", "r")] * 4,
    tokens=[[1]] * 4,
    ids=[[1], [2, 3], [4], [5]],
    num_samples=2,
    finished=[True] * 4,
)


def test_the_margin_is_beta_times_the_difference_of_log_ratios() -> None:
    policy = [np.array([-10.0, -12.0]), np.array([-5.0, -5.0])]
    reference = [np.array([-11.0, -11.5]), np.array([-5.0, -6.0])]
    np.testing.assert_allclose(implicit_margins(policy, reference, 0.1), [0.1 * (1.0 + 0.5), 0.1 * (0.0 - 1.0)])


def test_pairs_of_one_prompt_are_one_unit_and_a_tie_is_half_right() -> None:
    accuracy, margin = pair_measurements(np.array([0.2, -0.1, 0.0, 0.3]), [0, 0, 1, 2], 3)
    assert accuracy.model.value == 0.625  # right, wrong, tied, right
    assert accuracy.model.units == 3
    np.testing.assert_array_equal(accuracy.model.total_U, [1, 0.5, 1])
    assert margin.model.value == pytest.approx(0.1)


def test_a_part_of_the_pairs_has_an_accuracy_of_its_own() -> None:
    (part,) = pair_measurements(np.array([0.2]), [2], 3, part="without_conflict")
    assert part.name == "accuracy/without_conflict"
    assert (part.model.value, part.model.units) == (1.0, 1)


def test_the_divergence_is_the_mean_log_ratio_per_sequence() -> None:
    policy = [np.array([-1.0, -2.0]), np.array([-3.0, -4.0])]
    reference = [np.array([-2.0, -2.5]), np.array([-3.0, -3.5])]
    measured = kl_measurement(ANSWERS, policy, reference)
    assert measured.model.value == pytest.approx((1.0 + 0.5 + 0.0 - 0.5) / 4)
    assert measured.model.units == 2


def test_the_answers_to_a_prompt_branch_from_it() -> None:
    prompts = [Prompt(text="a", ids=[9]), Prompt(text="b", ids=[8])]
    assert [(row.prompt_ids, row.response_ids) for row in tokenized_answers(prompts, ANSWERS)] == [
        ([9], [[1], [2, 3]]),
        ([8], [[4], [5]]),
    ]
