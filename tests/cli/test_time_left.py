"""How long a run still takes is said once a step has run, and with every step that is logged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from upo_cli.json_lines import JsonLines
from upo_cli.progress import ProgressView
from upo_cli.view import TimeLeft, in_words
from upo_sdk.events import TRAINING, Progress, StepLogged

if TYPE_CHECKING:
    from collections.abc import Iterable


def clock(monkeypatch: pytest.MonkeyPatch, seconds: Iterable[float]) -> None:
    monkeypatch.setattr("upo_cli.view.perf_counter", iter(seconds).__next__)


def test_the_first_step_is_an_estimate_until_there_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch, [0.0, 30.0, 40.0, 50.0])
    left = TimeLeft()
    # a slow first step of 30 s, then steps of 10 s each
    assert [left.seconds(done, 11) for done in (0, 1, 2, 3)] == [None, 300.0, 90.0, 80.0]


def test_a_resumed_run_counts_its_own_steps_only(monkeypatch: pytest.MonkeyPatch) -> None:
    clock(monkeypatch, [0.0, 2.0])
    left = TimeLeft()
    assert [left.seconds(done, 100) for done in (90, 91)] == [None, 18.0]


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (150, "2 min"), (5_340, "89 min"), (9_000, "2.5 h")]
)
def test_durations_are_said_as_people_say_them(seconds: float, words: str) -> None:
    assert in_words(seconds) == words


def test_lines_say_it_after_the_first_step_and_with_each_step_that_is_logged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock(monkeypatch, [0.0, 60.0, 100.0])
    with ProgressView() as view:
        for done in (0, 1, 2):
            view.on_event(Progress(TRAINING, done, 5, "steps"))
        view.on_event(StepLogged(2, 5, {"loss": 0.5}))
    assert capsys.readouterr().err.splitlines() == [
        "training: about 4 min left, by the time of the first step",
        "step 2/5  loss 0.5  about 2 min left",
    ]


def test_a_short_run_is_not_announced(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock(monkeypatch, [0.0, 1.0])
    with ProgressView() as view:
        for done in (0, 1):
            view.on_event(Progress(TRAINING, done, 5, "steps"))
    assert capsys.readouterr().err == ""


def test_json_lines_have_the_seconds(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    clock(monkeypatch, [0.0, 3.0])
    monkeypatch.setattr("upo_cli.json_lines.perf_counter", iter([0.0, 3.0]).__next__)
    view = JsonLines()
    for done in (0, 1):
        view.on_event(Progress(TRAINING, done, 5, "steps"))
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["seconds_left"] for line in lines] == [None, 12.0]
