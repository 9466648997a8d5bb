"""Shows the events of a run: bars on a terminal, one line per logging interval elsewhere."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.text import Text

from upo_cli.output import console, table
from upo_cli.plan_view import print_plan
from upo_sdk import events

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType
    from typing import Self

    from rich.progress import Task, TaskID
    from rich.table import Table

    from upo_sdk.events import Event, ScoreStatistics
    from upo_sdk.plan import RunPlan

__all__ = ["ProgressView", "Silent", "scores_table"]

_RATE_FROM_SECONDS = 1.0

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

    def on_event(self, event: Event, /) -> None:
        """Show a warning."""
        if isinstance(event, events.Notice):
            self._notice(event)

    def _notice(self, notice: events.Notice) -> None:
        if notice.level == "warning":
            self._err.print(f"warning: {notice.text}", style="yellow", markup=False, soft_wrap=True)


class _RateColumn(ProgressColumn):
    """How many units are finished per second."""

    def render(self, task: Task) -> Text:
        """Show nothing before there is a speed."""
        return Text(f"{task.speed:,.0f}/s" if task.speed and task.speed >= 1 else "", style="progress.data.speed")


class ProgressView(Silent):
    """Shows everything: the plan and the scores on stdout, notices and progress on stderr."""

    def __init__(self) -> None:
        super().__init__()
        self._out = console()
        self._bars = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            _RateColumn(),
            TimeRemainingColumn(),
            console=self._err,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._first: dict[str, tuple[int, float]] = {}

    def __enter__(self) -> Self:
        if self._err.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Take the bars off the screen."""
        if self._err.is_terminal:
            self._bars.stop()

    def on_event(self, event: Event, /) -> None:
        """Show one event."""
        match event:
            case events.Notice():
                self._notice(event)
            case events.PlanReady(plan):
                self._plan(plan)  # type: ignore[arg-type]  # events do not know the plan's type
            case events.Progress(task, done, total, unit):
                self._advance(f"{task} ({unit})", done, total)
            case events.ScoresReady(statistics):
                self._scores(statistics)
            case events.StepLogged(step, total, metrics):
                self._step(step, total, metrics)
            case events.CheckpointSaved(path):
                self._err.print(f"checkpoint: {path}", markup=False, soft_wrap=True)
            case events.RunFinished() | events.CacheUsed():
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
        if self._err.is_terminal:
            self._advance("training (steps)", step, total)
        self._err.print(f"step {step}/{total}  {shown}", markup=False, soft_wrap=True)

    def _advance(self, task: str, done: int, total: int) -> None:
        if not self._err.is_terminal:
            self._log(task, done, total)
            return
        if task not in self._tasks:
            self._tasks[task] = self._bars.add_task(task, total=total)
        self._bars.update(self._tasks[task], completed=done, total=total, visible=done < total)

    def _log(self, task: str, done: int, total: int) -> None:
        """Print one line for a finished task: how much, and how fast since its first event."""
        first, started = self._first.setdefault(task, (done, perf_counter()))
        if done < total:
            return
        del self._first[task]
        seconds = perf_counter() - started
        rate = f", {(done - first) / seconds:,.0f}/s" if seconds > _RATE_FROM_SECONDS else ""
        self._err.print(f"{task}: {total:,} done{rate}", markup=False, soft_wrap=True)


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
