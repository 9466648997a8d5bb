"""Shows the events of a run: bars on a terminal, one line per logging interval elsewhere."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from upo_cli.bars import Bars
from upo_cli.json_lines import JsonLines
from upo_cli.lines import Lines
from upo_cli.output import console, table
from upo_cli.plan_view import print_plan
from upo_sdk import events

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from rich.console import Console
    from rich.table import Table

    from upo_cli.shared import LogFormat
    from upo_sdk.events import Event, ScoreStatistics
    from upo_sdk.plan import RunPlan

__all__ = ["ProgressView", "Silent", "open_view", "scores_table"]

TRAINING = "training"

_SHOWN = ("loss", "eval_loss", "rewards/accuracies", "rewards/margins", "advantage/ess")


class Silent:
    """Shows warnings only, on stderr."""

    def __init__(self) -> None:
        self._err = console(stderr=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Nothing to end."""

    def stopping(self, text: str) -> None:
        """Say that the first signal has arrived; it may interrupt a write of the buffered stderr."""
        os.write(2, f"\n{text}\n".encode())

    def on_event(self, event: Event, /) -> None:
        """Show a warning."""
        if isinstance(event, events.Notice):
            self._notice(event)

    def _notice(self, notice: events.Notice) -> None:
        if notice.level == "warning":
            self._err.print(f"warning: {notice.text}", style="yellow", markup=False, soft_wrap=True)


class ProgressView(Silent):
    """Shows everything: the plan and the scores on stdout, notices and progress on stderr.

    Bars on a terminal and in a notebook that has ipywidgets, whole lines elsewhere. It is a callback of ``align``, to
    be used as a context: ``with ProgressView() as view: align(config, callbacks=[view])``.

    Args:
        live: Bars or lines, where the choice shall not be made by what stderr is.
        out: Where the plan and the scores go; stdout by default.
        err: Where all else goes; stderr by default.
    """

    def __init__(self, *, live: bool | None = None, out: Console | None = None, err: Console | None = None) -> None:
        super().__init__()
        self._out = out or console()
        self._err = err or self._err
        self._live = _can_be_live(self._err) if live is None else live
        if self._live and self._out.is_terminal:  # the same screen: what is printed has to make way for the bars
            self._out = self._err
        self._tasks: Bars | Lines = Bars(self._err) if self._live else Lines(self._err)

    def __enter__(self) -> Self:
        self._tasks.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Take the bars off the screen."""
        self._tasks.stop()

    def stopping(self, text: str) -> None:
        """Say that the first signal has arrived; safe in a signal handler."""
        if self._live:
            self._tasks.say(text)
        else:
            super().stopping(text)

    def on_event(self, event: Event, /) -> None:
        """Show one event."""
        match event:
            case events.Notice():
                self._notice(event)
            case events.PlanReady(plan):
                self._plan(plan)  # type: ignore[arg-type]  # events do not know the plan's type
            case events.Progress(task, done, total, unit):
                if self._live or task != TRAINING:  # without bars, the steps that are logged say it
                    self._tasks.advance(task, done, total, unit)
            case events.ScoresReady(statistics):
                self._scores(statistics)
            case events.StepLogged(step, total, metrics):
                self._step(step, total, metrics)
            case events.CheckpointSaved(path):
                self._err.print(f"checkpoint: {path}", markup=False, soft_wrap=True)
            case _:
                pass

    def _notice(self, notice: events.Notice) -> None:
        if notice.level == "info":
            self._err.print(f"note: {notice.text}", markup=False, soft_wrap=True)
        else:
            super()._notice(notice)

    def _plan(self, plan: RunPlan) -> None:
        print_plan(plan, self._out)
        self._out.print()

    def _scores(self, statistics: tuple[ScoreStatistics, ...]) -> None:
        if statistics:
            self._out.print(scores_table(statistics))
            self._out.print()

    def _step(self, step: int, total: int, metrics: Mapping[str, float]) -> None:
        shown = "  ".join(f"{name} {metrics[name]:.3g}" for name in _SHOWN if name in metrics)
        self._tasks.note(TRAINING, f"loss {metrics['loss']:.3g}" if "loss" in metrics else "")
        self._err.print(f"step {step}/{total}  {shown}", markup=False, soft_wrap=True)


def open_view(log_format: LogFormat, *, quiet: bool) -> Silent | JsonLines:
    """Return what shows the events of a command; quiet shows warnings only, and JSON lines are never quiet."""
    if log_format == "jsonl":
        return JsonLines()
    return Silent() if quiet else ProgressView(live=None if log_format == "auto" else log_format == "rich")


def _can_be_live(err: Console) -> bool:
    if err.is_jupyter:  # rich shows bars there by ipywidgets, or not at all
        return find_spec("ipywidgets") is not None
    return err.is_terminal and not err.is_dumb_terminal


def scores_table(statistics: tuple[ScoreStatistics, ...]) -> Table:
    """Return the distribution of every auxiliary objective's rewards over the training completions."""
    headers = ("scores", "completions", "mean", "std", "min", "max", "with length", "with chosen")
    return table(*headers, rows=[_score_row(item) for item in statistics])


def _score_row(item: ScoreStatistics) -> list[str]:
    numbers = (item.mean, item.std, item.minimum, item.maximum)
    correlations = (item.correlation_length, item.correlation_chosen)
    return [
        item.label,
        f"{item.count:,}",
        *(f"{value:.3f}" for value in numbers),
        *("-" if value is None else f"{value:+.2f}" for value in correlations),
    ]
