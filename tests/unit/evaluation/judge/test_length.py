"""The win rate at equal length, by hand and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from upo_sdk.evaluation.judge import rates as rates_module
from upo_sdk.evaluation.judge.rates import fit_logistic, length_controlled, length_feature, win_rate
from upo_sdk.records import Estimate


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
    found = length_controlled(score, differences, prompts)
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
    apart = win_rate(score, [str(number) for number in range(100)])
    together = win_rate(score, [str(number // 2) for number in range(100)])
    assert apart is not None
    assert together is not None
    assert apart.mean == together.mean == 50
    assert together.high - together.low > 1.2 * (apart.high - apart.low)


def test_without_pairs_there_is_no_rate_and_of_one_pair_no_interval() -> None:
    assert win_rate(np.array([]), []) is None
    assert win_rate(np.array([1.0]), ["a"]) == Estimate(mean=100.0, low=None, high=None, count=1)


def test_a_judge_that_always_agrees_is_not_certain() -> None:
    """Ten wins of ten: Wilson's interval begins at 10 / (10 + 1.96²) = .7225."""
    found = win_rate(np.ones(10), [str(number) for number in range(10)])
    assert found is not None
    assert found.interval == pytest.approx((72.25, 100.0), abs=0.01)
    controlled = length_controlled(np.ones(10), np.arange(-5.0, 5.0), [str(number) for number in range(10)])
    assert controlled is not None
    assert controlled.rate.low is not None
    assert controlled.rate.low < 80


def test_the_interval_at_equal_length_holds_the_rate_that_made_the_verdicts() -> None:
    rng, held = np.random.default_rng(4), 0
    for _ in range(200):
        differences = rng.normal(0.5, 1, 64)
        feature = length_feature(differences)
        score = (rng.random(64) < 1 / (1 + np.exp(-0.5 - feature))).astype(float)
        found = length_controlled(score, differences, [str(number) for number in range(64)])
        assert found is not None
        assert found.rate.low is not None
        assert found.rate.high is not None
        held += found.rate.low <= 100 / (1 + np.exp(-0.5)) <= found.rate.high
    assert 0.91 <= held / 200 <= 0.995


def test_the_priors_move_the_rate_by_less_than_half_a_point_from_64_pairs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    rng, moved = np.random.default_rng(0), list[float]()
    for shift in (0.0, 0.5, 1.0) * 25:
        feature = length_feature(rng.normal(shift, 1, 64))
        score = (rng.random(64) < 1 / (1 + np.exp(-rng.uniform(-2.2, 2.2) - rng.uniform(-2, 2) * feature))).astype(
            float
        )
        rates = list[float]()
        for prior in (rates_module._PRIOR, np.array([1e-7, 1e-7])):
            with monkeypatch.context() as patch:
                patch.setattr(rates_module, "_PRIOR", prior)
                (theta,), (phi,) = fit_logistic(feature, score, np.ones((1, 64)))
            rates.append(100 / (1 + np.exp(-theta)))
        if abs(phi) < 4 and 2 < rates[1] < 98:  # elsewhere the data cannot decide
            moved.append(abs(rates[0] - rates[1]))
    assert len(moved) > 50
    assert max(moved) < 0.5
