"""Shows the events of a run: bars on a terminal, one line per logging interval elsewhere."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from upo_cli.bars import Bars
from upo_cli.json_lines import JsonLines
from upo_cli.option_names import as_options
from upo_cli.output import Table, console
from upo_cli.plan_view import print_plan
from upo_cli.view import PrintedView, TimeLeft, View, can_be_live, in_words, live_by
from upo_sdk import events
from upo_sdk.ranks import is_first_to_say, is_main_process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console

    from upo_cli.shared import LogFormat
    from upo_sdk.events import Event
    from upo_sdk.plan import RunPlan
    from upo_sdk.records import ScoreStatistics

__all__ = ["ProgressView", "Silent", "open_view", "scores_table"]

_SHOWN_FROM_SECONDS = 10.0
_SHOWN = ("loss", "eval_loss", "rewards/accuracies", "rewards/margins", "advantage/ess")


class Silent(PrintedView):
    """Shows warnings only, on stderr."""

    def on_event(self, event: Event, /) -> None:
        """Show a warning."""
        if isinstance(event, events.Notice) and event.level == "warning":
            is_first_to_say(event.text)  # so that no other process says it again
            self._warn(event.text)


class OtherRank(View):
    """Of a process beside the main one: says at the end which warnings only it had, as the scorer of its share."""

    def __init__(self, view: Silent | JsonLines) -> None:
        self._view = view
        self._warnings = dict[events.Notice, None]()

    def stop(self) -> None:
        """Say what nobody said."""
        for warning in self._warnings:
            if is_first_to_say(warning.text):
                self._view.on_event(warning)

    def stopping(self, text: str) -> None:
        """Leave it to the main process, which the signal reaches too."""

    def on_event(self, event: Event, /) -> None:
        """Keep a warning."""
        if isinstance(event, events.Notice) and event.level == "warning":
            self._warnings[event] = None


class ProgressView(Silent):
    """Shows everything: the plan and the scores on stdout, notices and progress on stderr.

    Bars on a terminal and in a notebook that has ipywidgets, whole lines elsewhere. It is a callback of ``align``, to
    be used as a context: ``with ProgressView() as view: align(config, callbacks=[view])``.

    Args:
        live: Bars or lines, where the choice shall not be made by what stderr is.
        out: Where the plan and the scores go; stdout by default.
        err: Where all else goes; stderr by default.
        spelled: How settings in messages are shown, which are keys of the configuration.
    """

    def __init__(
        self,
        *,
        live: bool | None = None,
        out: Console | None = None,
        err: Console | None = None,
        spelled: Callable[[str], str] = str,
    ) -> None:
        super().__init__(err, spelled=spelled)
        self._out = out or console()
        self._live = can_be_live(self._err) if live is None else live
        if self._live and self._out.is_terminal:  # the same screen: what is printed has to make way for the bars
            self._out = self._err
        self._tasks: Bars | _Lines = Bars(self._err) if self._live else _Lines(self._err)
        self._time_left, self._left = TimeLeft(), ""

    def start(self) -> None:
        """Show the bars."""
        self._tasks.start()

    def stop(self) -> None:
        """Take the bars off the screen."""
        self._tasks.stop()

    def stopping(self, text: str) -> None:
        """Show that the first signal has arrived; safe in a signal handler."""
        if self._live:
            self._tasks.write(text)
        else:
            super().stopping(text)

    def on_event(self, event: Event, /) -> None:
        """Show one event."""
        match event:
            case events.Notice("info", text):
                self._print(f"note: {text}")
            case events.Notice():
                super().on_event(event)
            case events.PlanReady(plan):
                self._plan(plan)  # type: ignore[arg-type]  # events do not know the plan's type
            case events.Progress(events.TRAINING, done, total, unit):
                self._trained(done, total, unit)
            case events.Progress(task, done, total, unit):
                self._tasks.advance(task, done, total, unit)
            case events.ScoresReady(statistics):
                self._scores(statistics)
            case events.StepLogged(step, total, metrics):
                self._step(step, total, metrics)
            case events.CheckpointSaved(path):
                self._print(f"checkpoint: {path}")
            case _:
                pass

    def _plan(self, plan: RunPlan) -> None:
        print_plan(plan, self._out, self._spelled)
        self._out.print()

    def _scores(self, statistics: tuple[ScoreStatistics, ...]) -> None:
        if statistics:
            self._out.print(scores_table(statistics))
            self._out.print()

    def _step(self, step: int, total: int, metrics: Mapping[str, float]) -> None:
        shown = "  ".join(f"{name} {metrics[name]:.3g}" for name in _SHOWN if name in metrics)
        self._tasks.note(events.TRAINING, f"loss {metrics['loss']:.3g}" if "loss" in metrics else "")
        left = f"  about {self._left} left" if self._left and step < total else ""
        self._print(f"step {step}/{total}  {shown}{left}")

    def _trained(self, done: int, total: int, unit: str) -> None:
        """Show how far training is: by a bar, else by the steps that are logged and one line after the first step."""
        seconds = self._time_left.seconds(done, total)
        if self._live:
            self._tasks.advance(events.TRAINING, done, total, unit)
        elif seconds is not None:
            if not self._left and seconds >= _SHOWN_FROM_SECONDS:
                self._print(f"training: about {in_words(seconds)} left, by the time of the first step")
            self._left = in_words(seconds)


def open_view(
    log_format: LogFormat, *, quiet: bool, spelled: Callable[[str], str] = as_options
) -> Silent | JsonLines | OtherRank:
    """Return what shows the events of a command; quiet shows warnings only, and JSON lines are never quiet."""
    if not is_main_process():
        return OtherRank(JsonLines() if log_format == "jsonl" else Silent(spelled=spelled))
    if log_format == "jsonl":
        return JsonLines()
    return Silent(spelled=spelled) if quiet else ProgressView(live=live_by(log_format), spelled=spelled)


def scores_table(statistics: tuple[ScoreStatistics, ...]) -> Table:
    """Return the distribution of every auxiliary objective's rewards over the training completions."""
    headers = ("scores", "completions", "mean", "std", "min", "max", "with length", "with chosen")
    return Table(*headers, rows=[_score_row(item) for item in statistics])


def _score_row(item: ScoreStatistics) -> list[str]:
    numbers = (item.mean, item.std, item.minimum, item.maximum)
    correlations = (item.correlation_length, item.correlation_chosen)
    return [
        item.label,
        f"{item.count:,}",
        *(f"{value:.3f}" for value in numbers),
        *("-" if value is None else f"{value:+.2f}" for value in correlations),
    ]


_RATE_FROM_SECONDS = 1.0
_SECONDS_BETWEEN = 30.0


class _Lines:
    """Prints a line when a task is finished, and every half minute while it runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._first: dict[str, tuple[int, float]] = {}
        self._last: dict[str, float] = {}

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to end."""

    def write(self, text: str) -> None:
        """Print a line."""
        self._print(text)

    def note(self, task: str, text: str) -> None:
        """Nothing: the text has its own line."""

    def advance(self, task: str, done: int, total: int, unit: str) -> None:
        """Print how much of a task is done, and how fast since its first event."""
        if total <= 1:
            return
        first, started = self._first.setdefault(task, (done, perf_counter()))
        self._last.setdefault(task, started)
        name = f"{task} ({unit})"
        if done >= total:
            del self._first[task], self._last[task]
            self._print(f"{name}: {total:,} done{self._rate(done - first, perf_counter() - started)}")
        elif (now := perf_counter()) - self._last[task] >= _SECONDS_BETWEEN:
            self._last[task] = now
            rate = self._rate(done - first, now - started)
            self._print(f"{name}: {done:,} of {total:,} ({done / total:.0%}){rate}")

    def _rate(self, done: int, seconds: float) -> str:
        return f", {done / seconds:,.0f}/s" if seconds > _RATE_FROM_SECONDS else ""

    def _print(self, text: str) -> None:
        self._console.print(text, markup=False, soft_wrap=True)
