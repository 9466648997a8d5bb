"""What the views of all commands share: a context, the reply to the first signal, bars or lines, and the time left."""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar

from upo_cli.output import console

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType
    from typing import Self

    from rich.console import Console

    from upo_cli.shared import LogFormat

__all__ = ["PrintedView", "TimeLeft", "View", "can_be_live", "in_words", "live_by", "showing", "stop_on_signal"]

V = TypeVar("V", bound="View")


class View:
    """A context in which events are shown."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to end."""

    def stopping(self, text: str) -> None:
        """Say that the first signal has arrived; it may interrupt a write of the buffered stderr."""
        os.write(2, f"\n{text}\n".encode())


class PrintedView(View):
    """Prints to stderr, for people.

    Args:
        err: Where to; stderr by default.
        spelled: How settings in messages are shown, which are keys of the configuration.
    """

    def __init__(self, err: Console | None = None, *, spelled: Callable[[str], str] = str) -> None:
        self._err = err or console(stderr=True)
        self._spelled = spelled

    def _print(self, text: str) -> None:
        self._err.print(self._spelled(text), markup=False, soft_wrap=True)

    def _warn(self, text: str) -> None:
        self._err.print(f"warning: {self._spelled(text)}", style="yellow", markup=False, soft_wrap=True)


def can_be_live(err: Console) -> bool:
    """Whether bars can be drawn."""
    if err.is_jupyter:  # rich shows bars there by ipywidgets, or not at all
        return find_spec("ipywidgets") is not None
    return err.is_terminal and not err.is_dumb_terminal


def live_by(log_format: LogFormat) -> bool | None:
    """Return what the user asked for, bars or lines; None leaves it to what stderr is."""
    return None if log_format == "auto" else log_format == "rich"


_MESSAGE = "stopping after this step, a checkpoint will be written; interrupt again to stop at once"


@contextmanager
def stop_on_signal(show: Callable[[str], None], message: str = _MESSAGE) -> Generator[threading.Event]:
    """Yield a token that a signal sets; the handlers that were there are put back afterwards.

    Args:
        show: Shows the message; it may not touch a buffered stream, which the signal may have interrupted.
        message: What the first signal is answered with.

    Raises:
        KeyboardInterrupt: At the second signal.
    """
    cancel = threading.Event()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        show(message)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def showing(view: V, *, as_json: bool, message: str = _MESSAGE) -> Generator[tuple[V, threading.Event]]:
    """Show the events of what runs inside; yield the view, and a token that a signal sets.

    Args:
        view: Is started, and stopped at the end.
        as_json: Keep stdout for the one object: what a plugin or a library prints there goes to stderr.
        message: What the first signal is answered with.
    """
    stdout = redirect_stdout(sys.stderr if as_json else sys.stdout)
    with view as started, stop_on_signal(started.stopping, message) as cancel, stdout:
        yield started, cancel


class TimeLeft:
    """Estimates from the mean of the steps so far; the first one, which warms up, counts only while it is alone."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, float]] = []

    def seconds(self, done: int, total: int) -> float | None:
        """Return the seconds left after ``done`` of ``total`` steps; None before a step was taken.

        Call it at every step, beginning with the one that training starts from.
        """
        now = perf_counter()
        if not self._seen or done > self._seen[-1][0]:
            self._seen = [*self._seen[:2], (done, now)]
        if len(self._seen) < 2:  # noqa: PLR2004 - a step lies between two looks
            return None
        (first, started), (last, ended) = self._seen[-2 if len(self._seen) == 2 else 1], self._seen[-1]  # noqa: PLR2004
        return (ended - started) / (last - first) * (total - done)


def in_words(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 90:  # noqa: PLR2004 - a minute and a half
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"  # noqa: PLR2004 - an hour and a half
