"""The length reward: shape, units, options, picture."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from upo_plugins.length.objective import Length, LengthOptions, count, maximum_reward, target_reward
from upo_sdk.errors import ObjectiveFailedError
from upo_sdk.objectives import AuxiliaryObjective, Completion, Needs

ROOT = Path(__file__).parents[3]
PEAKS = st.integers(1, 10**6)
WIDTHS = st.floats(0.01, 10)
LENGTHS = st.integers(0, 10**9)


def reward(completion: Completion, **options: Any) -> float:
    (only,) = Length(LengthOptions(**options)).rewards([completion])
    return only


@pytest.mark.parametrize(
    ("length", "expected"),
    [(120, 1), (120 * math.exp(0.3), math.exp(-0.5)), (120 * math.exp(-0.3), math.exp(-0.5)), (0, 0)],
)
def test_the_target_bell_falls_by_one_width(length: float, expected: float) -> None:
    assert target_reward(length, 120, 0.3) == pytest.approx(expected)


def test_half_and_twice_the_target_earn_the_same() -> None:
    # (log 2/.5)²/2 = .96090603
    assert target_reward(60, 120, 0.5) == pytest.approx(math.exp(-0.96090603))
    assert target_reward(240, 120, 0.5) == pytest.approx(math.exp(-0.96090603))


def test_a_maximum_costs_nothing_below_and_falls_like_the_bell_above() -> None:
    assert [maximum_reward(n, 100, 0.3) for n in (0, 1, 50, 100)] == [1, 1, 1, 1]
    # (log 1.5/.3)²/2 = .91334419
    assert maximum_reward(150, 100, 0.3) == pytest.approx(math.exp(-0.91334419))


@given(LENGTHS, PEAKS, WIDTHS)
def test_both_shapes_are_bounded(length: int, peak: int, width: float) -> None:
    assert 0 <= target_reward(length, peak, width) <= 1
    assert 0 <= maximum_reward(length, peak, width) <= 1


@given(LENGTHS, LENGTHS, PEAKS, WIDTHS)
def test_closer_to_the_target_never_earns_less(a: int, b: int, target: int, width: float) -> None:
    nearer, farther = sorted((a, b), key=lambda n: abs(n - target))
    if (nearer - target) * (farther - target) >= 0:  # on the same side
        assert target_reward(nearer, target, width) >= target_reward(farther, target, width)


@given(LENGTHS, LENGTHS, PEAKS, WIDTHS)
def test_longer_never_earns_more_under_a_maximum(a: int, b: int, maximum: int, width: float) -> None:
    assert maximum_reward(min(a, b), maximum, width) >= maximum_reward(max(a, b), maximum, width)


@pytest.mark.parametrize("shape", [target_reward, maximum_reward])
@pytest.mark.parametrize("at", [1e-3, 30.0, 120.0, 200.0, 1000.0])
def test_the_slope_is_continuous(shape: Any, at: float) -> None:
    step = 1e-4 * at
    before = (shape(at, 120, 0.3) - shape(at - step, 120, 0.3)) / step
    after = (shape(at + step, 120, 0.3) - shape(at, 120, 0.3)) / step
    assert before == pytest.approx(after, abs=2e-5)


def test_words_are_what_stands_between_white_space() -> None:
    assert count(Completion("p", "  It's a\nwell-known  fact. "), "words") == 4


def test_characters_leave_out_outer_white_space() -> None:
    assert count(Completion("p", " ab c\n"), "characters") == 4
    assert count(Completion("p", "你好"), "characters") == 2


def test_tokens_are_those_the_engine_counted() -> None:
    assert count(Completion("p", "one two", token_count=7), "tokens") == 7


def test_tokens_that_were_not_counted_are_an_error_with_a_remedy() -> None:
    with pytest.raises(ObjectiveFailedError, match="unit=words"):
        reward(Completion("p", "one"), target=3, unit="tokens")


@pytest.mark.parametrize(("unit", "wants"), [("words", False), ("characters", False), ("tokens", True)])
def test_token_counts_are_asked_for_only_when_used(unit: Any, wants: bool) -> None:  # noqa: FBT001 - a parameter
    objective = Length(LengthOptions(target=3, unit=unit))
    assert isinstance(objective, AuxiliaryObjective)
    assert objective.needs == Needs(token_counts=wants)


def test_an_empty_response_misses_a_target_and_keeps_a_maximum() -> None:
    for empty in (Completion("p", "", token_count=0), Completion("p", " \n", token_count=0)):
        for unit in ("words", "characters", "tokens"):
            assert reward(empty, target=100, unit=unit) == 0
            assert reward(empty, maximum=100, unit=unit) == 1


def test_an_empty_response_of_one_counted_token_is_measured_by_its_token() -> None:
    assert reward(Completion("p", "", token_count=1), target=1, unit="tokens") == 1


def test_a_reward_depends_on_its_own_completion_alone() -> None:
    objective = Length(LengthOptions(target=3))
    batch = [Completion("p", "word " * n) for n in (0, 1, 3, 7)]
    together = objective.rewards(batch)
    assert together == [objective.rewards([one])[0] for one in batch] == objective.rewards(batch[::-1])[::-1]
    assert len(set(together)) == 4
    assert objective.rewards([]) == []


@pytest.mark.parametrize("values", [{"target": 120}, {"maximum": 80, "unit": "tokens", "width": 0.5}])
def test_options_survive_a_round_trip(values: dict[str, Any]) -> None:
    options = LengthOptions.model_validate(values)
    assert LengthOptions.model_validate(options.model_dump()) == options


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({}, "neither: write length:0.1,target=120"),
        ({"target": 1, "maximum": 2}, "both: write"),
        ({"target": 0}, "greater than or equal to 1"),
        ({"target": 5, "width": 0}, "greater than 0"),
        ({"target": 5, "width": float("inf")}, "finite"),
        ({"target": 5, "unit": "pages"}, "'words', 'characters' or 'tokens'"),
        ({"target": 5, "max": 7}, "Extra inputs"),
    ],
)
def test_a_wrong_option_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        LengthOptions.model_validate(values)


def test_the_picture_in_the_documentation_is_that_of_the_functions(tmp_path: Path) -> None:
    drawn = tmp_path / "length.svg"
    subprocess.run([sys.executable, ROOT / "scripts" / "plot_length_reward.py", drawn], check=True, capture_output=True)
    assert drawn.read_text("utf-8") == (ROOT / "docs" / "images" / "length.svg").read_text("utf-8")


def test_neither_the_hook_nor_the_options_nor_the_objective_imports_a_heavy_library() -> None:
    code = (
        "import sys, upo_plugins.length, upo_plugins.length.objective\n"
        "print(sorted({'torch', 'transformers', 'textstat', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_words_and_characters_are_measured_whatever_is_counted() -> None:
    objective = Length(LengthOptions(target=5, unit="tokens"))
    assert objective.measures([Completion("p", " two words ")]) == {"length/words": [2.0], "length/characters": [9.0]}
    assert objective.measures([]) == {"length/words": [], "length/characters": []}
