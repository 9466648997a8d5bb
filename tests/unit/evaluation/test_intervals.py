from __future__ import annotations

import numpy as np
import pytest

from upo_sdk.evaluation.before_after import compare_rewards
from upo_sdk.evaluation.intervals import Bootstrap, Sums


def test_the_mean_is_over_all_values_and_the_count_is_that_of_prompts() -> None:
    sums = Sums.of([[1.0, 2.0], [6.0]])
    assert sums.value == 3.0
    assert Bootstrap(2).estimate(sums).count == 2


def test_a_value_that_does_not_exist_counts_nowhere() -> None:
    sums = Sums.of([[1.0, float("nan")], [float("nan")], [3.0]])
    assert sums.value == 2.0
    assert sums.units == 2
    assert not Sums.of([[float("nan")]]).exists


def test_a_ratio_is_the_ratio_of_the_sums() -> None:
    assert Sums(np.array([1.0, 5.0]), np.array([2.0, 2.0])).value == 1.5  # not the mean of .5 and 2.5


def test_equal_values_have_an_interval_without_width() -> None:
    estimate = Bootstrap(10).estimate(Sums.grouped(np.full(10, 0.25), 1))
    assert (estimate.mean, estimate.low, estimate.high) == (0.25, 0.25, 0.25)


def test_samples_of_one_prompt_stay_together() -> None:
    """Four copies of every answer say nothing new, so the interval must not become narrower."""
    values = np.random.default_rng(1).normal(size=30)
    once = Bootstrap(30).estimate(Sums.grouped(values, 1))
    four_times = Bootstrap(30).estimate(Sums.grouped(np.repeat(values, 4), 4))
    assert four_times.low == pytest.approx(once.low)
    assert four_times.high == pytest.approx(once.high)


def test_a_constant_shift_of_noisy_values_is_known_exactly_because_prompts_are_paired() -> None:
    noisy = np.random.default_rng(2).normal(size=50)
    difference = Bootstrap(50).difference(Sums.grouped(noisy + 0.5, 1), Sums.grouped(noisy, 1))
    assert (difference.low, difference.mean, difference.high) == pytest.approx((0.5, 0.5, 0.5))


def test_the_interval_holds_the_true_mean_about_95_times_in_100() -> None:
    rng = np.random.default_rng(3)
    held = 0
    for _ in range(300):
        estimate = Bootstrap(60).estimate(Sums.grouped(rng.exponential(size=60), 1))
        held += estimate.low <= 1.0 <= estimate.high
    assert 0.90 <= held / 300 <= 0.98


def test_the_same_numbers_have_the_same_interval_and_another_seed_another() -> None:
    sums = Sums.grouped(np.arange(20.0), 1)
    assert Bootstrap(20).estimate(sums) == Bootstrap(20).estimate(sums)
    assert Bootstrap(20, seed=1).estimate(sums) != Bootstrap(20).estimate(sums)


def test_before_and_after_a_run_are_compared_by_the_same_intervals() -> None:
    before, after = np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.5, 1.0])
    compared = compare_rewards("toxicity", before, after, split="held-out", seed=4)
    change = Bootstrap(3, 4).difference(Sums.grouped(after, 1), Sums.grouped(before, 1))
    assert (compared.before, compared.after) == (0.5, pytest.approx(2.5 / 3))
    assert compared.interval == (change.low, change.high)
