"""What is shown of the events of a run where there is no terminal."""

from __future__ import annotations

from itertools import chain, repeat
from typing import TYPE_CHECKING

from upo_cli.progress import ProgressView
from upo_sdk.events import Progress

if TYPE_CHECKING:
    import pytest


def test_a_finished_task_is_one_line_with_the_rate_of_what_was_not_known_before(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upo_cli.progress.perf_counter", chain([10.0], repeat(14.0)).__next__)
    with ProgressView() as view:
        for done in (2_000, 5_000, 10_000):
            view.on_event(Progress("scoring", done, 10_000, "completions"))
    assert capsys.readouterr().err == "scoring (completions): 10,000 done, 2,000/s\n"


def test_what_took_no_time_has_no_rate(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressView() as view:
        view.on_event(Progress("scoring", 5, 5, "completions"))
    assert capsys.readouterr().err == "scoring (completions): 5 done\n"
