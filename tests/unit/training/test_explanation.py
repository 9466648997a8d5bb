"""What a run says of itself in plain sentences."""

from __future__ import annotations

import numpy as np
import pytest
from evaluations import evaluation_of, reward_metric

from upo_sdk.training.run_record import explain


@pytest.mark.parametrize("count", [1, 2, 5, 9])
def test_fewer_than_ten_prompts_give_no_verdict_however_much_changed(count: int) -> None:
    compared = reward_metric(np.zeros(count), np.linspace(0.8, 0.9, count))
    assert compared.direction == "too few"
    (sentence,) = explain(evaluation_of(x=compared), {}, auxiliary=["x"], gate_opened=True)
    assert sentence.startswith(f"x: on {count} held-out prompt{'s' if count > 1 else ''} the mean reward")
    assert sentence.endswith("too few prompts to show whether it changed.")
    assert ("interval" in sentence) == (count > 1)


def test_ten_prompts_give_one() -> None:
    compared = reward_metric(np.zeros(10), np.linspace(0.8, 0.9, 10))
    (sentence,) = explain(evaluation_of(x=compared), {}, auxiliary=["x"], gate_opened=True)
    assert compared.direction == "rose"
    assert "rose: 0.00 before, 0.85 after (change +0.85, 95 % interval +0.83 to +0.87)." in sentence


def test_an_end_of_an_interval_that_is_not_0_is_not_written_as_0() -> None:
    """0.003 ± 2.262 · s / √10 with s = .001 · √(10/9): 0.0022 to 0.0038."""
    after = 0.003 + 0.001 * np.tile([1.0, -1.0], 5)
    (sentence,) = explain(evaluation_of(x=reward_metric(np.zeros(10), after)), {}, auxiliary=["x"], gate_opened=True)
    assert "(change +0.003, 95 % interval +0.002 to +0.004)" in sentence


def test_a_reward_at_its_ceiling_is_said_to_be_there() -> None:
    before = np.array([1.0] * 19 + [0.95])
    compared = reward_metric(before, np.ones(20))
    (sentence,) = explain(evaluation_of(x=compared), {}, auxiliary=["x"], gate_opened=True)
    assert compared.at_ceiling
    assert sentence.endswith("nearly all answers had the highest reward already.")
    assert not reward_metric(before - 0.02 * np.arange(20), before).at_ceiling


@pytest.mark.parametrize(
    ("share", "pairs", "expected"),
    [
        (
            0.55,
            13,
            "of the 13 held-out pairs (95 % interval 30 to 78 %, and 50 % is chance, so it could be chance).",
        ),
        (0.75, 400, "in 75 % of the 400 held-out pairs (95 % interval 71 to 79 %, and 50 % is chance)."),
        (1.0, 4, "Preferences: 4 held-out pairs are too few to show how many the model now ranks correctly."),
        (1.0, 1, "Preferences: 1 held-out pair is too few to show how many the model now ranks correctly."),
    ],
)
def test_the_sentence_on_preferences_has_the_number_of_pairs_and_an_interval(
    share: float, pairs: int, expected: str
) -> None:
    metrics = {"eval_rewards/accuracies": share, "eval_rewards/pairs": pairs, "rewards/accuracies": 1.0}
    (sentence,) = explain(None, metrics, auxiliary=[], gate_opened=True)
    assert sentence.endswith(expected)
