"""Scoring: once per content, resumable, and every misbehaving objective named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from upo_sdk.cache import ContentCache, Filled
from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveFailedError, PartlyScoredError
from upo_sdk.objectives import Completion, Needs
from upo_sdk.plugin.build import LiveObjective
from upo_sdk.scoring import data_baseline, describe_scores, score_completions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path


class Recorded:
    """An objective that scores with a function and remembers what it was asked."""

    needs = Needs()

    def __init__(self, score: Callable[[Sequence[Completion]], Any], weights: str = "a") -> None:
        self.score, self.weights, self.asked = score, weights, list[Completion]()

    def setup(self, device: str, /) -> None: ...

    def close(self) -> None: ...

    def fingerprint(self) -> dict[str, str]:
        return {"weights_sha256": self.weights}

    def rewards(self, completions: Sequence[Completion], /) -> Any:
        self.asked += completions
        return self.score(completions)


def by_length(completions: Sequence[Completion]) -> list[float]:
    return [float(len(item.response)) for item in completions]


def live(objective: Recorded, version: str = "1") -> LiveObjective:
    return LiveObjective(
        ref=ObjectiveRef(name="recorded"),
        label="recorded",
        objective=objective,
        options=None,
        distribution="some-plugin",
        version=version,
        target="some_plugin:Recorded",
        target_sha256="",
    )


COMPLETIONS = [Completion(f"p{n}", "r" * n) for n in range(1, 300)]


@pytest.fixture
def cache(own_cache: Path) -> ContentCache:
    return ContentCache(own_cache / "cache.sqlite")


def test_rewards_come_in_order_and_equal_completions_are_scored_once(cache: ContentCache) -> None:
    objective = Recorded(by_length)
    rewards = score_completions(live(objective), [*COMPLETIONS, *reversed(COMPLETIONS)], cache).rewards
    assert rewards.tolist() == [float(len(item.response)) for item in [*COMPLETIONS, *reversed(COMPLETIONS)]]
    assert len(objective.asked) == len(COMPLETIONS)


def test_the_next_run_asks_nothing_and_gets_the_same(cache: ContentCache) -> None:
    first = score_completions(live(Recorded(by_length)), COMPLETIONS, cache)
    again = Recorded(by_length)
    second = score_completions(live(again), COMPLETIONS, cache)
    assert np.array_equal(second.rewards, first.rewards)
    assert (first.filled, second.filled) == (Filled(0, len(COMPLETIONS)), Filled(len(COMPLETIONS), 0))
    assert not again.asked


@pytest.mark.parametrize("changed", [live(Recorded(by_length, weights="b")), live(Recorded(by_length), version="2")])
def test_other_weights_or_another_version_are_scored_anew(cache: ContentCache, changed: LiveObjective) -> None:
    score_completions(live(Recorded(by_length)), COMPLETIONS, cache)
    score_completions(changed, COMPLETIONS, cache)
    assert isinstance(changed.objective, Recorded)
    assert len(changed.objective.asked) == len(COMPLETIONS)


def test_a_killed_pass_keeps_what_was_scored(cache: ContentCache) -> None:
    def dies_late(completions: Sequence[Completion]) -> list[float]:
        if len(completions[0].response) < 100:  # the longest come first
            raise KeyboardInterrupt
        return by_length(completions)

    with pytest.raises(KeyboardInterrupt):
        score_completions(live(Recorded(dies_late)), COMPLETIONS, cache)
    again = Recorded(by_length)
    score_completions(live(again), COMPLETIONS, cache)
    assert 0 < len(again.asked) < len(COMPLETIONS)


@pytest.mark.parametrize(
    ("returned", "complaint"),
    [
        (lambda c: [0.0] * (len(c) - 1), "rewards for"),
        (lambda c: [float("nan")] * len(c), "returned nan"),
        (lambda c: [float("inf")] * len(c), "returned inf"),
        (lambda c: ["high"] * len(c), "not a list of numbers"),
        (lambda _: None, "not a list of numbers"),
        (lambda _: 1 / 0, "raised ZeroDivisionError"),
    ],
)
def test_an_objective_that_misbehaves_is_named_with_its_distribution(
    cache: ContentCache, returned: Callable[[Sequence[Completion]], Any], complaint: str
) -> None:
    with pytest.raises(ObjectiveFailedError, match=complaint) as caught:
        score_completions(live(Recorded(returned)), COMPLETIONS, cache)
    assert "some-plugin 1" in (caught.value.where or "")


def test_what_was_scored_of_a_batch_that_fails_is_kept_and_counted(cache: ContentCache) -> None:
    def stops(completions: Sequence[Completion]) -> list[float]:
        if len(completions[0].response) < 172:  # the second batch: the longest come first
            known = {0: 171.0, 1: float("nan"), 2: 169.0}
            raise PartlyScoredError("it broke", rewards=known, where="there", fix="fix it")
        return by_length(completions)

    with pytest.raises(ObjectiveFailedError, match="stopped at 130 of 299 completions: it broke") as caught:
        score_completions(live(Recorded(stops)), COMPLETIONS, cache)
    assert caught.value.fix == "fix it; the 130 are kept: run the same command again to resume"
    again = Recorded(by_length)
    assert score_completions(live(again), COMPLETIONS, cache).rewards.tolist() == by_length(COMPLETIONS)
    assert len(again.asked) == len(COMPLETIONS) - 130


def test_an_objective_gets_only_what_it_needs_whatever_others_need(cache: ContentCache) -> None:
    plain = Recorded(by_length)
    score_completions(live(plain), [Completion("p", "r", {"topic": 1}, 5, [], [])], cache)
    assert plain.asked == [Completion("p", "r")]
    curious = Recorded(by_length)
    curious.needs = Needs(columns=frozenset({"topic"}), score_columns=frozenset({"help"}), token_counts=True)
    score_completions(live(curious, "2"), [Completion("p", "r", {"topic": 1, "help": 2.0, "x": 3}, 5, [], [])], cache)
    assert curious.asked == [Completion("p", "r", {"topic": 1, "help": 2.0}, 5)]


def test_statistics_see_the_length_and_the_label() -> None:
    found = describe_scores(
        "x", np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 3.0, 1.0, 3.0]), np.array([0.0, 1, 0, 1])
    )
    assert (found.mean, found.std, found.at_low, found.at_high) == (0.5, 0.5, 0.5, 0.5)
    assert found.correlation_length == pytest.approx(1)
    assert found.correlation_chosen == pytest.approx(1)
    assert not found.constant


def test_a_reward_that_never_varies_is_constant_and_has_no_correlation() -> None:
    found = describe_scores("x", np.array([0.5, 0.5]), np.array([1.0, 3.0]), np.array([0.0, 1.0]))
    assert found.constant
    assert found.correlation_length is None


def test_data_baselines_pool_all_responses_to_a_prompt() -> None:
    of = {"prompts": ["a", "b", "a"], "counts_R": np.array([2, 1, 2]), "rewards_N": np.array([0.0, 1, 0.5, 1, 1])}
    assert data_baseline("prompt-mean", **of, lambda_=5.0).tolist() == [0.75, 0.5, 0.75]
    soft = np.log((1 + 3 * np.exp(5.0)) / 4) / 5
    assert data_baseline("soft", **of, lambda_=5.0).tolist() == pytest.approx([soft, 0.5, soft])
    assert data_baseline("soft", **of, lambda_=0.0).tolist() == [0.75, 0.5, 0.75]
