"""The live display of running tasks: a bar each, the newest below, and nothing left behind."""

from __future__ import annotations

import sys
from time import perf_counter
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Column
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, RenderableType
    from rich.progress import Task, TaskID

__all__ = ["Bars"]

_NARROW, _WIDE = 64, 120
_LONG_SECONDS = 1.0
_LONG_SECONDS_OF_ONE_PIECE = 5.0


class Bars:
    """Shows tasks while they run; a task that took longer than a second leaves one line."""

    def __init__(self, console: Console) -> None:
        self._console = console
        # without a terminal, stdout is a file or a pipe, and what is printed there belongs into it
        self._display = _Display(
            *_columns(console.width), console=console, transient=True, redirect_stdout=sys.stdout.isatty()
        )
        self._tasks: dict[str, TaskID] = {}
        self._started: dict[str, tuple[int, float]] = {}

    def start(self) -> None:
        """Show the display."""
        self._display.start()

    def stop(self) -> None:
        """Take the display off the screen; the cursor is shown again."""
        self._display.stop()

    def write(self, text: str) -> None:
        """Show a line below the bars from the next refresh on; safe in a signal handler, since nothing is printed."""
        self._display.message = text

    def note(self, task: str, text: str) -> None:
        """Show a text beside the bar of a running task."""
        if task in self._tasks:
            self._display.update(self._tasks[task], note=text)

    def advance(self, task: str, done: int, total: int, unit: str) -> None:
        """Show how far a task is; what is one piece, or of unknown length, has a moving bar."""
        counted = total > 1
        if task not in self._tasks:
            self._tasks[task] = self._display.add_task(
                task, total=total if counted else None, completed=done, note="", unit=unit
            )
            self._started[task] = (done, perf_counter())
        if done < total or not total:
            self._display.update(self._tasks[task], completed=done, total=total if counted else None)
            return
        self._display.remove_task(self._tasks.pop(task))
        first, started = self._started.pop(task)
        seconds = perf_counter() - started
        if seconds > (_LONG_SECONDS if counted else _LONG_SECONDS_OF_ONE_PIECE):
            self._console.print(
                _finished(task, done - first, unit, seconds, counted=counted), style="dim", markup=False
            )


class _Display(Progress):
    message = ""

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self.make_tasks_table(self.tasks)
        if self.message:
            yield Text(self.message, style="yellow")


class _CountColumn(MofNCompleteColumn):
    """How many of how many; nothing for what is one piece."""

    def render(self, task: Task) -> Text:
        return super().render(task) if task.total is not None else Text("")


class _RateColumn(ProgressColumn):
    """How many units are finished per second."""

    def render(self, task: Task) -> Text:
        """Show nothing before there is a speed."""
        return Text(f"{task.speed:,.0f}/s" if task.speed and task.speed >= 1 else "", style="progress.data.speed")


def _columns(width: int) -> list[ProgressColumn]:
    """Return what fits: on a narrow terminal the bar, the rate and the note are left out, and names are cut."""
    if width < _NARROW:
        return [_name(width - 24), _CountColumn(), TimeRemainingColumn(compact=True)]
    note = TextColumn("{task.fields[note]}", markup=False, table_column=Column(no_wrap=True))
    if width < _WIDE:
        return [_name(width - 50), BarColumn(bar_width=8), _CountColumn(), TimeRemainingColumn(compact=True), note]
    return [_name(width - 72), BarColumn(bar_width=20), _CountColumn(), _RateColumn(), TimeRemainingColumn(), note]


def _name(width: int) -> TextColumn:
    column = Column(no_wrap=True, overflow="ellipsis", max_width=max(width, 6))
    return TextColumn("{task.description}", markup=False, table_column=column)


def _finished(task: str, done: int, unit: str, seconds: float, *, counted: bool) -> str:
    if not counted:
        return f"{task}: {seconds:.1f} s"
    return f"{task}: {done:,} {unit} in {seconds:.1f} s ({done / seconds:,.0f}/s)"
