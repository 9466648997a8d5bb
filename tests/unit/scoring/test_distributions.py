from __future__ import annotations

import numpy as np
import pytest

from upo_sdk.records import Histogram
from upo_sdk.report.charts.bars import histogram
from upo_sdk.scoring.distributions import Rewards, describe_distributions

TOKENS = np.array([2, 4, 6, 8])


def rewards(label: str, *values: float, weight: float = 1.0) -> Rewards:
    return Rewards(label=label, weight=weight, normalize="none", values_N=np.array(values))


def test_a_histogram_counts_everything_once() -> None:
    found = describe_distributions([rewards("a", 0.0, 0.25, 0.5, 1.0)], TOKENS, np.array([]))
    histogram = found.rewards[0].histogram
    assert sum(histogram.counts) == 4
    assert len(histogram.edges) == len(histogram.counts) + 1
    assert (histogram.edges[0], histogram.edges[-1]) == (0.0, 1.0)


def test_whole_numbers_get_a_bin_each() -> None:
    found = describe_distributions([], np.array([2, 3, 3, 5]), np.array([]))
    assert found.tokens.edges == (1.5, 2.5, 3.5, 4.5, 5.5)
    assert found.tokens.counts == (1, 2, 0, 1)


def test_a_wide_range_of_whole_numbers_gets_few_bins_of_equal_width() -> None:
    found = describe_distributions([], np.arange(100), np.array([]))
    assert len(found.tokens.counts) <= 30
    assert sum(found.tokens.counts) == 100
    assert set(np.diff(found.tokens.edges)) == {4.0}


@pytest.mark.parametrize(("edges", "tick"), [((6.0, 70.0, 215.0), ">150<"), ((0.0, 0.5, 1.0), ">0.4<")])
def test_numbers_along_a_histogram_are_written_out(edges: tuple[float, ...], tick: str) -> None:
    """Vega's ``g`` writes 1.5e+2 where the step is 50."""
    found = Histogram(edges=edges, counts=(3, 1))
    chart = histogram("Lengths", found, note="", x_title="tokens", colour="#000", what="responses")
    assert "e+" not in chart.svg
    assert tick in chart.svg


def test_the_shares_of_the_variance_are_those_of_the_weighted_sum() -> None:
    first, second = rewards("a", 0, 0, 2, 2), rewards("b", 0, 2, 0, 2, weight=0.5)
    found = describe_distributions([first, second], TOKENS, np.array([]))
    # R = a + b / 2 with independent parts: Var a = 1, Var b/2 = 1/4
    assert [item.variance_share for item in found.rewards] == pytest.approx([0.8, 0.2])


def test_rewards_that_never_vary_have_no_correlation_and_no_share() -> None:
    found = describe_distributions([rewards("a", 1, 1, 1, 1)], TOKENS, np.array([]))
    assert found.rewards[0].correlation_length is None
    assert found.rewards[0].variance_share is None


def test_the_mean_reward_is_given_for_responses_of_like_length() -> None:
    tokens = np.repeat(np.arange(1, 21), 5)
    found = describe_distributions([rewards("a", *tokens.astype(float))], tokens, np.array([]))
    bins = found.rewards[0].by_length
    assert sum(item.count for item in bins) == 100
    assert len(bins) == 10
    assert (bins[0].low, bins[0].high, bins[0].mean) == (1, 2, 1.5)
    assert found.rewards[0].correlation_length == pytest.approx(1)


def test_the_effective_sample_size_is_a_share_of_the_completions() -> None:
    found = describe_distributions([rewards("a", 0, 0, 1, 1)], TOKENS, np.array([3.0, 1.0, 0.0001, 0.0001]))
    assert found.advantage_weights is not None
    assert found.advantage_weights.ess == pytest.approx(16 / 10 / 4, rel=1e-3)
    assert found.advantage_weights.top_share == pytest.approx(0.75, rel=1e-3)


def test_without_auxiliary_objective_there_are_no_weights() -> None:
    assert describe_distributions([], TOKENS, np.array([])).advantage_weights is None
