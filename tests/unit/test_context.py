"""The context of a run: its events, and its end when the caller asks for it."""

from __future__ import annotations

from threading import Event as Flag
from typing import TYPE_CHECKING

import pytest

from upo_sdk.cache import ContentCache
from upo_sdk.context import RunContext
from upo_sdk.errors import CancelledError
from upo_sdk.events import Notice, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.events import Event


class Listener:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event, /) -> None:
        self.events.append(event)


def test_progress_is_emitted_and_ends_the_task_once_it_is_cancelled(tmp_path: Path) -> None:
    listener, cancel = Listener(), Flag()
    context = RunContext.of(
        [listener], cancel, cache=ContentCache(tmp_path / "c.sqlite"), cancelled="the run was cancelled"
    )
    report = context.progress("scoring", "completions", "reference")
    report(1, 3)
    cancel.set()
    with pytest.raises(CancelledError, match="the run was cancelled") as caught:
        report(2, 3)
    assert caught.value.where == "scoring, 2 of 3 completions done"
    assert listener.events == [Progress("scoring", done, 3, "completions", "reference") for done in (1, 2)]


def test_the_guard_s_remarks_are_warnings(tmp_path: Path) -> None:
    listener = Listener()
    context = RunContext.of([listener], cache=ContentCache(tmp_path / "c.sqlite"), timeout=2.0)
    context.guard.report("it printed")
    context.note("a choice")
    assert context.guard.seconds == 2.0
    assert listener.events == [Notice("warning", "it printed"), Notice("info", "a choice")]
