"""Shows a sweep: its points and their commands, how far they are, and the table at its end."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from upo_cli.json_lines import JsonLines, write_line
from upo_cli.option_names import as_options
from upo_cli.output import Table, console, say
from upo_cli.view import PrintedView, can_be_live, live_by
from upo_sdk import events
from upo_sdk.sweep import PointEnded, PointProgress, PointStarted, SweepReady, remarks, table_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.progress import TaskID

    from upo_cli.shared import LogFormat
    from upo_sdk.events import Event
    from upo_sdk.records import SweepPoint, SweepRecord
    from upo_sdk.sweep import Grid, SweepEvent

__all__ = ["SilentSweep", "SweepLines", "SweepView", "open_view", "points_as_data", "print_points", "print_sweep"]


class SilentSweep(PrintedView):
    """Shows warnings only, on stderr."""

    def on_event(self, event: SweepEvent, /) -> None:
        """Show a warning, and a point that failed."""
        match event:
            case events.Notice(_, text):  # a sweep says nothing but warnings
                self._warn(text)
            case PointEnded(point) if point.status == "failed":
                self._warn(_how_it_ended(point))
            case _:
                pass


class SweepView(SilentSweep):
    """Shows how far the points are: bars on a terminal, lines elsewhere.

    Args:
        live: Bars or lines, where the choice shall not be made by what stderr is.
    """

    def __init__(self, *, live: bool | None = None) -> None:
        super().__init__(spelled=as_options)
        self._live = can_be_live(self._err) if live is None else live
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._err,
            transient=True,
        )
        self._all: TaskID | None = None
        self._tasks: dict[str, TaskID] = {}
        self._phases: dict[str, str] = {}

    def start(self) -> None:
        """Show the bars."""
        if self._live:
            self._bars.start()

    def stop(self) -> None:
        """Take the bars off the screen."""
        if self._live:
            self._bars.stop()

    def on_event(self, event: SweepEvent, /) -> None:
        """Show one event."""
        match event:
            case SweepReady(sweep):
                self._ready(sweep)
            case PointStarted(name):
                self._print(f"{name}: started")
                if self._live:
                    self._tasks[name] = self._bars.add_task(f"  {name}", total=None)
            case PointProgress():
                self._progress(event)
            case PointEnded(point, sweep):
                self._ended(point, sweep)
            case events.Notice():
                super().on_event(event)

    def _ready(self, sweep: SweepRecord) -> None:
        done, total = _count_of(sweep)
        kept = f", {done} of them done already" if done else ""
        self._print(f"{total} points{kept}")
        self._all = self._bars.add_task("points", completed=done, total=total)

    def _progress(self, event: PointProgress) -> None:
        if self._live:
            what = event.task if event.phase in {"training", "preparing"} and event.task else event.phase
            task = self._tasks[event.name]
            total = event.total or None
            self._bars.update(task, description=f"  {event.name}: {what}", completed=event.done, total=total)
            return
        if event.phase == "waiting":
            return
        is_training = event.task == events.TRAINING
        stage = "training" if is_training else event.phase
        if is_training or self._phases.get(event.name) != stage:
            how_far = f" {event.done}/{event.total}" if is_training else ""
            self._print(f"{event.name}: {stage}{how_far}")
        self._phases[event.name] = stage

    def _ended(self, point: SweepPoint, sweep: SweepRecord) -> None:
        done, total = _count_of(sweep)
        if point.name in self._tasks:
            self._bars.remove_task(self._tasks.pop(point.name))
        if self._all is not None:
            self._bars.update(self._all, completed=done)
        text = f"{_how_it_ended(point)} ({done}/{total} points)"
        (self._warn if point.status == "failed" else self._print)(text)


def open_view(log_format: LogFormat, *, quiet: bool) -> SilentSweep | SweepLines:
    """Return what shows the events of a sweep; quiet shows warnings only, and JSON lines are never quiet."""
    if log_format == "jsonl":
        return SweepLines()
    return SilentSweep(spelled=as_options) if quiet else SweepView(live=live_by(log_format))


def points_as_data(grid: Grid) -> dict[str, object]:
    """Return the points and their commands as JSON can write them."""
    kept = {"name", "values", "objectives", "seed", "command"}
    return {
        "axes": [axis.model_dump() for axis in grid.axes],
        "points": [point.model_dump(include=kept) for point in grid.points],
    }


def print_points(grid: Grid) -> None:
    """Write the points and their commands to stdout."""
    out = console()
    out.print(f"{len(grid.points)} points; each alone is:")
    for point in grid.points:
        say(f"\n{point.name}", style="bold")
        say(f"  {point.command}")


def print_sweep(sweep: SweepRecord, folder: str) -> None:
    """Write the table, what it means, and where things are to stdout."""
    out = console()
    if sweep.rows:
        headers, rows = table_rows(sweep)
        out.print(Table(*headers, rows=rows))
        out.print()
    for sentence in remarks(sweep):
        say(as_options(sentence))
    say(f"points: {folder}/points/NAME, run folders; sweep.json has all numbers")
    if (Path(folder) / "report.html").is_file():
        say(f"the front as a picture: {folder}/report.html")
    if any(point.status in {"pending", "running", "cancelled"} for point in sweep.points):
        say(f"resume: upo sweep --resume {folder}")


def _count_of(sweep: SweepRecord) -> tuple[int, int]:
    return sum(point.status == "done" for point in sweep.points), len(sweep.points)


def _how_it_ended(point: SweepPoint) -> str:
    if point.failure is None:
        return f"{point.name}: {point.status}{_seconds(point.seconds)}"
    place = f" ({point.failure.where})" if point.failure.where else ""
    return f"{point.name}: failed: {point.failure.what}{place}"


def _seconds(seconds: Mapping[str, float]) -> str:
    return f" in {seconds['total']:.0f} s" if "total" in seconds else ""


class SweepLines(JsonLines):
    """Writes one object per event; of the progress of a task of a point as of that of a run."""

    def on_event(self, event: Event | SweepEvent, /) -> None:
        """Write one event."""
        match event:
            case SweepReady(sweep):
                kept = {"name", "values", "objectives", "seed", "status"}
                write_line("sweep", {"points": [point.model_dump(include=kept) for point in sweep.points]})
            case PointStarted():
                write_line("point_started", asdict(event))
            case PointProgress():
                if self._is_due((event.name, event.phase, event.task), event.done, event.total):
                    write_line("point_progress", asdict(event))
            case PointEnded(point):
                write_line("point_ended", point.model_dump(include={"name", "status", "failure", "metrics", "seconds"}))
            case _:
                super().on_event(event)
