"""The win rate at equal length, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from upo_sdk.judge.length import fit_logistic, length_feature
from upo_sdk.judge.rates import length_controlled, win_rate


def test_without_an_effect_of_length_the_rate_is_the_plain_one() -> None:
    feature = np.array([-0.5, 0.5] * 50)
    score = np.array([1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 1.0] * 12 + [1.0, 1.0, 1.0, 1.0])
    theta, phi = fit_logistic(feature, score, np.ones((1, 100)))
    assert phi[0] == pytest.approx(0, abs=1e-6)
    assert 1 / (1 + np.exp(-theta[0])) == pytest.approx(0.76, abs=5e-3)


def test_the_regression_finds_the_coefficients_that_made_the_verdicts() -> None:
    rng = np.random.default_rng(0)
    feature = np.tanh(rng.normal(0.5, 1, 20_000))
    score = (rng.random(20_000) < 1 / (1 + np.exp(0.7 - 1.5 * feature))).astype(float)
    theta, phi = fit_logistic(feature, score, np.ones((1, 20_000)))
    assert theta[0] == pytest.approx(-0.7, abs=0.1)
    assert phi[0] == pytest.approx(1.5, abs=0.1)


def test_counting_a_value_twice_is_the_same_as_having_it_twice() -> None:
    feature, score = np.array([0.1, -0.4, 0.8, 0.3]), np.array([1.0, 0.0, 0.5, 0.0])
    weighted = fit_logistic(feature, score, np.array([[1.0, 2.0, 0.0, 1.0]]))
    repeated = fit_logistic(feature[[0, 1, 1, 3]], score[[0, 1, 1, 3]], np.ones((1, 4)))
    assert np.allclose(weighted, repeated)


def test_verdicts_that_length_explains_wholly_are_fitted_without_running_away() -> None:
    differences = np.concatenate([np.linspace(5, 60, 95), np.linspace(-60, -5, 5)])
    score = (differences > 0).astype(float)
    prompts = [str(number) for number in range(100)]
    found = length_controlled(score, differences, prompts, seed=0)
    assert found is not None
    assert found.rate.mean == pytest.approx(50, abs=5)
    assert found.rate.low <= found.rate.mean <= found.rate.high
    assert np.isfinite(found.effect)


def test_differences_are_squashed_around_zero_and_not_around_their_mean() -> None:
    feature = length_feature(np.array([0.0, 10.0, 20.0]))
    assert feature is not None
    assert feature[0] == 0
    assert feature[2] == pytest.approx(np.tanh(20 / np.std([0.0, 10.0, 20.0])))
    assert length_feature(np.array([7.0, 7.0])) is None


def test_answers_to_one_prompt_are_resampled_together() -> None:
    score = np.array([1.0, 1.0, 0.0, 0.0] * 25)
    apart = win_rate(score, [str(number) for number in range(100)], seed=0)
    together = win_rate(score, [str(number // 2) for number in range(100)], seed=0)
    assert apart is not None
    assert together is not None
    assert apart.mean == together.mean == 50
    assert together.high - together.low > 1.2 * (apart.high - apart.low)


def test_the_same_seed_gives_the_same_interval() -> None:
    score, prompts = np.array([1.0, 0.0, 0.5, 1.0]), list("abcd")
    assert win_rate(score, prompts, seed=3) == win_rate(score, prompts, seed=3)
    assert win_rate(np.array([]), [], seed=3) is None
