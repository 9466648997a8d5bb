"""What is shown of the events of a run: bars on a terminal, lines elsewhere, JSON for platforms."""

from __future__ import annotations

import io
import json
from itertools import chain, count, repeat
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from upo_cli.boundary import wants_json_lines
from upo_cli.json_lines import JsonLines
from upo_cli.progress import ProgressView, Silent, open_view
from upo_sdk.events import CheckpointSaved, Notice, Progress, StepLogged

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any


def terminal(width: int = 100) -> tuple[Console, io.StringIO]:
    written = io.StringIO()
    return Console(file=written, force_terminal=True, width=width, color_system=None, legacy_windows=False), written


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


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


def test_a_long_task_says_every_half_minute_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upo_cli.progress.perf_counter", count(0, 5).__next__)  # two looks per event
    with ProgressView() as view:
        for done in range(0, 100, 10):
            view.on_event(Progress("scoring", done, 100, "completions"))
    shown = capsys.readouterr().err.splitlines()
    assert [line.partition(",")[0] for line in shown] == [
        "scoring (completions): 30 of 100 (30%)",
        "scoring (completions): 60 of 100 (60%)",
        "scoring (completions): 90 of 100 (90%)",
    ]


def test_lines_have_no_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressView() as view:
        view.on_event(Progress("loading the model", 0, 1, "model"))
        view.on_event(Progress("scoring", 0, 2, "completions"))
        view.on_event(Progress("scoring", 2, 2, "completions"))
        view.on_event(StepLogged(1, 2, {"loss": 0.5}))
        view.on_event(Notice("warning", "look [here]"))
    printed = capsys.readouterr()
    assert printed.err == "scoring (completions): 2 done\nstep 1/2  loss 0.5\nwarning: look [here]\n"
    assert printed.out == ""


@pytest.mark.parametrize("width", [40, 79, 80, 200])
def test_bars_fit_into_the_terminal(width: int) -> None:
    err, written = terminal(width)
    with ProgressView(live=True, err=err) as view:
        view.on_event(Progress("scoring training completions with a very long label", 10, 1_000, "completions"))
        view.on_event(Progress("training", 1, 200, "steps"))
        view.on_event(StepLogged(1, 200, {"loss": 0.123}))
    printed = written.getvalue().replace("\x1b[2K", "").replace("\x1b[1A", "").replace("\r", "\n")
    shown = [line for line in printed.splitlines() if "/" in line and not line.startswith("step")]
    assert shown
    assert max(map(len, shown)) <= width


def test_a_display_leaves_the_cursor_visible_when_it_is_interrupted() -> None:
    err, written = terminal()

    def interrupt() -> None:
        with ProgressView(live=True, err=err) as view:
            view.on_event(Progress("training", 1, 200, "steps"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    assert written.getvalue().rindex("\x1b[?25h") > written.getvalue().rindex("\x1b[?25l")


def test_the_same_task_begins_anew_after_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upo_cli.bars.perf_counter", count(0, 2).__next__)
    err, written = terminal()
    with ProgressView(live=True, err=err) as view:
        for done in (0, 8, 0, 8):
            view.on_event(Progress("answering", done, 8, "prompts"))
    assert written.getvalue().count("answering: 8 prompts in 2.0 s (4/s)") == 2


def test_the_first_signal_is_answered_below_the_bars() -> None:
    err, written = terminal()
    with ProgressView(live=True, err=err) as view:
        view.on_event(Progress("training", 1, 200, "steps"))
        view.stopping("stopping after this step")
    assert "stopping after this step" in written.getvalue()


def test_a_table_on_the_same_screen_is_printed_above_the_bars() -> None:
    err, written = terminal()
    out, elsewhere = terminal()
    with ProgressView(live=True, err=err, out=out) as view:
        view.on_event(Progress("scoring", 1, 200, "completions"))
        view._out.print("a table")
    assert "a table" in written.getvalue()
    assert elsewhere.getvalue() == ""


def test_what_goes_to_a_pipe_stays_there_while_there_are_bars() -> None:
    err, written = terminal()
    pipe = io.StringIO()
    with ProgressView(live=True, err=err, out=Console(file=pipe)) as view:
        view._out.print("a table")
    assert (pipe.getvalue(), "a table" in written.getvalue()) == ("a table\n", False)


def test_a_notebook_without_widgets_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upo_cli.view.find_spec", lambda _name: None)
    err = Console(force_jupyter=True, file=io.StringIO())
    assert not ProgressView(err=err)._live
    monkeypatch.setattr("upo_cli.view.find_spec", lambda name: name)
    assert ProgressView(err=err)._live


def test_a_json_line_per_event(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    with JsonLines() as view:
        view.on_event(Notice("info", "a\nb"))
        view.on_event(StepLogged(2, 4, {"loss": float("nan"), "learning_rate": 0.1}))
        view.on_event(CheckpointSaved(tmp_path))
    shown = lines(capsys)
    assert [line.pop("time").endswith("+00:00") for line in shown] == [True] * 3
    assert shown == [
        {"event": "notice", "level": "info", "text": "a\nb"},
        {"event": "step", "step": 2, "total_steps": 4, "metrics": {"loss": None, "learning_rate": 0.1}},
        {"event": "checkpoint", "path": str(tmp_path)},
    ]


def test_json_lines_of_progress_are_the_first_the_last_and_one_a_second(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("upo_cli.json_lines.perf_counter", (tick / 4 for tick in count()).__next__)
    with JsonLines() as view:
        for done in range(11):
            view.on_event(Progress("scoring", done, 10, "completions"))
    assert [line["done"] for line in lines(capsys)] == [0, 4, 8, 10]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["train", "--log_format", "jsonl"], True),
        (["train", "--log-format=jsonl"], True),
        (["train", "--log_format", "plain"], False),
        (["train", "jsonl"], False),
    ],
)
def test_errors_are_json_lines_where_progress_is(words: list[str], *, wanted: bool) -> None:
    assert wants_json_lines(words) is wanted


def test_quiet_shows_warnings_only(capsys: pytest.CaptureFixture[str]) -> None:
    with open_view("auto", quiet=True) as view:
        assert isinstance(view, Silent)
        view.on_event(Notice("info", "a choice"))
        view.on_event(Progress("scoring", 1, 2, "completions"))
        view.on_event(Notice("warning", "a danger"))
    assert capsys.readouterr().err == "warning: a danger\n"
