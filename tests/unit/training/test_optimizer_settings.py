"""A setting that may change on resuming has an effect, and what did not change stays the same bit for bit."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch.optim.lr_scheduler import LambdaLR

from upo_sdk.training.optimizer_settings import Hyperparameters


def made(rate: float = 0.3, decay: float = 0.1, *, steps: int = 4, falling: bool = True) -> tuple[Any, Any]:
    """Return an optimizer and its schedule, which falls in a line to zero."""
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.ones(2))], lr=rate, weight_decay=decay)
    return optimizer, LambdaLR(optimizer, lambda step: 1 - step / steps) if falling else None


def resumed(from_state: Any, optimizer: Any, schedule: Any) -> None:
    planned = Hyperparameters(optimizer, schedule)
    optimizer.load_state_dict(copy.deepcopy(from_state[0].state_dict()))
    if schedule:
        schedule.load_state_dict(copy.deepcopy(from_state[1].state_dict()))
    planned.put_back(optimizer, schedule)


@pytest.fixture
def after_one_step() -> tuple[Any, Any]:
    optimizer, schedule = made()
    optimizer.param_groups[0]["params"][0].grad = torch.ones(2)
    optimizer.step()
    schedule.step()
    return optimizer, schedule


def test_a_new_rate_decay_and_number_of_steps_hold_from_the_first_step_on(after_one_step: tuple[Any, Any]) -> None:
    """One of ten steps is taken, so 0.9 of the rate is left, then 0.8; the moments are those of the checkpoint."""
    optimizer, schedule = made(rate=0.5, decay=0.2, steps=10)
    resumed(after_one_step, optimizer, schedule)
    group = optimizer.param_groups[0]
    assert (group["lr"], schedule.get_last_lr()) == (pytest.approx(0.45), [pytest.approx(0.45)])
    assert group["weight_decay"] == 0.2
    assert optimizer.state[group["params"][0]]["exp_avg"].tolist() == pytest.approx([0.1, 0.1])
    optimizer.step()
    schedule.step()
    assert group["lr"] == pytest.approx(0.4)


def test_equal_settings_change_nothing(after_one_step: tuple[Any, Any]) -> None:
    optimizer, schedule = made()
    resumed(after_one_step, optimizer, schedule)
    assert optimizer.state_dict()["param_groups"] == after_one_step[0].state_dict()["param_groups"]
    assert schedule.get_last_lr() == after_one_step[1].get_last_lr()


def test_an_optimizer_without_a_schedule_takes_its_new_rate(after_one_step: tuple[Any, Any]) -> None:
    optimizer, _ = made(rate=0.7, falling=False)
    resumed(after_one_step, optimizer, None)
    assert optimizer.param_groups[0]["lr"] == 0.7
