"""Intervals, by hand, by tables and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from evaluations import reward_metric

from upo_sdk.records import Estimate
from upo_sdk.statistics import Sums, differ, difference, ranked_right, share_interval, student_t


def test_the_mean_is_over_all_values_and_the_count_is_that_of_prompts() -> None:
    sums = Sums.of([[1.0, 2.0], [6.0]])
    assert sums.value == 3.0
    assert sums.estimate.count == 2


def test_a_value_that_does_not_exist_counts_nowhere() -> None:
    sums = Sums.of([[1.0, float("nan")], [float("nan")], [3.0]])
    assert sums.value == 2.0
    assert sums.units == 2
    assert not Sums.of([[float("nan")]]).exists


def test_a_ratio_is_the_ratio_of_the_sums() -> None:
    assert Sums(np.array([1.0, 5.0]), np.array([2.0, 2.0])).value == 1.5  # not the mean of .5 and 2.5


@pytest.mark.parametrize(
    ("degrees", "quantile"),
    [(1, 12.706), (10, 2.228), (11, 2.201), (19, 2.093), (30, 2.042), (60, 2.000), (120, 1.980)],
)
def test_the_quantiles_of_student_s_t_are_those_of_the_tables(degrees: int, quantile: float) -> None:
    assert student_t(degrees) == pytest.approx(quantile, abs=6e-4)


def test_the_interval_of_a_mean_is_student_s() -> None:
    """1, 2 and 6: mean 3, s² = (4 + 1 + 9) / 2 = 7, so ± 4.303 · √(7 / 3) = 6.573."""
    estimate = Sums.grouped(np.array([1.0, 2.0, 6.0]), 1).estimate
    assert estimate.interval == pytest.approx((3 - 6.573, 3 + 6.573), abs=1e-3)


def test_a_value_that_does_not_exist_leaves_the_interval_of_the_others() -> None:
    with_gap = Sums.of([[1.0], [2.0], [float("nan")], [6.0]]).estimate
    assert with_gap == Sums.of([[1.0], [2.0], [6.0]]).estimate


def test_one_prompt_has_no_interval() -> None:
    assert Sums.of([[1.0, 5.0]]).estimate == Estimate(mean=3.0, low=None, high=None, count=1)


def test_equal_values_have_an_interval_without_width() -> None:
    assert Sums.grouped(np.full(10, 0.25), 1).estimate.interval == (0.25, 0.25)


def test_samples_of_one_prompt_stay_together() -> None:
    """Four copies of every answer say nothing new, so the interval must not become narrower."""
    values = np.random.default_rng(1).normal(size=30)
    once, four_times = Sums.grouped(values, 1).estimate, Sums.grouped(np.repeat(values, 4), 4).estimate
    assert four_times.interval == pytest.approx(once.interval)


def test_a_constant_shift_of_noisy_values_is_known_exactly_because_prompts_are_paired() -> None:
    noisy = np.random.default_rng(2).normal(size=50)
    found = difference(Sums.grouped(noisy + 0.5, 1), Sums.grouped(noisy, 1))
    assert (found.low, found.mean, found.high) == pytest.approx((0.5, 0.5, 0.5))


@pytest.mark.parametrize("count", [10, 20])
@pytest.mark.parametrize("kind", ["beta", "bernoulli"])
def test_without_an_effect_a_verdict_is_given_at_most_7_times_in_100(count: int, kind: str) -> None:
    """Two models alike, rewards near the ceiling or yes-or-no. 1,500 tries: 5 % would be seen as 7 % once in 4,000."""
    rng = np.random.default_rng(3)
    shape = (1500, count)
    before, after = (
        np.minimum(1, rng.beta(6, 0.5, shape) + 0.02) if kind == "beta" else (rng.random(shape) < 0.5).astype(float)
        for _ in range(2)
    )
    alarms = sum(reward_metric(old, new).direction in {"rose", "fell"} for old, new in zip(before, after, strict=True))
    assert alarms / 1500 < 0.07


def test_the_interval_of_a_share_is_wilson_s() -> None:
    """Newcombe, 1998: 81 of 263 have .2553 to .3662, 15 of 148 have .0624 to .1605, 0 of 20 have 0 to .1611."""
    assert share_interval(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert share_interval(15 / 148, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert share_interval(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_a_tie_is_half_right() -> None:
    assert ranked_right(np.array([0.3, 0.0, -0.1])).tolist() == [1.0, 0.5, 0.0]


def test_means_differ_if_they_are_further_apart_than_their_half_widths_together() -> None:
    """Half-widths of .3 and .4 make .5."""
    low = Estimate(mean=0.0, low=-0.3, high=0.3, count=10)

    def other(mean: float, count: int = 10) -> Estimate:
        return Estimate(mean=mean, low=mean - 0.4, high=mean + 0.4, count=count)

    assert differ(low, other(0.51))
    assert differ(other(0.51), low)
    assert not differ(low, other(0.49))
    assert not differ(low, other(0.51, count=9))
