"""Schedules of weights: their values at hand-picked steps."""

from __future__ import annotations

import pytest

from upo_sdk.config import Schedule


@pytest.mark.parametrize(
    ("text", "step", "factor"),
    [
        ("linear(100,500)", 0, 0.0),
        ("linear(100,500)", 100, 0.0),
        ("linear(100,500)", 200, 0.25),
        ("linear(100,500)", 500, 1.0),
        ("linear(100,500)", 900, 1.0),
        ("linear(500,100)", 0, 1.0),
        ("linear(500,100)", 200, 0.75),
        ("linear(500,100)", 500, 0.0),
        ("cosine(0,4)", 0, 0.0),
        ("cosine(0,4)", 1, 0.14644661),
        ("cosine(0,4)", 2, 0.5),
        ("cosine(0,4)", 4, 1.0),
        ("step(3)", 2, 0.0),
        ("step(3)", 3, 1.0),
    ],
)
def test_the_factor_after_so_many_steps(text: str, step: int, factor: float) -> None:
    assert Schedule.parse(text).factor(step) == pytest.approx(factor)


@pytest.mark.parametrize("text", ["linear(100,500)", "linear(500,100)", "cosine(0,4)", "step(3)", "step(0)"])
def test_the_first_step_is_the_first_with_an_effect(text: str) -> None:
    schedule = Schedule.parse(text)
    assert schedule.factor(schedule.first_step()) > 0
    assert all(schedule.factor(step) == 0 for step in range(schedule.first_step()))
