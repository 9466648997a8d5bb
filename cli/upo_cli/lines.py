"""Progress where there is no terminal: whole lines without control characters, and not too many."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Lines"]

_RATE_FROM_SECONDS = 1.0
_SECONDS_BETWEEN = 30.0


class Lines:
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
