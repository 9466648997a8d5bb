"""Progress and notices of an evaluation, and its end when the caller asks for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.errors import CancelledError
from upo_sdk.events import Notice, Progress, emit

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.events import Callback, CancelToken, SharedWork

__all__ = ["Reporter"]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Hands events to the callbacks and looks at the cancel token.

    Attributes:
        ended: The words of the error when the caller cancels.
    """

    callbacks: tuple[Callback, ...]
    cancel: CancelToken | None
    ended: str = "the evaluation was cancelled"

    def note(self, text: str) -> None:
        """Tell of a choice."""
        emit(self.callbacks, Notice("info", text))

    def warn(self, text: str) -> None:
        """Tell of a danger."""
        emit(self.callbacks, Notice("warning", text))

    def progress(self, task: str, unit: str, shared: SharedWork | None = None) -> Callable[[int, int], None]:
        """Return a function that emits the progress of a task, and ends it if the caller cancels."""

        def report(done: int, total: int) -> None:
            emit(self.callbacks, Progress(task, done, total, unit, shared))
            if self.cancel is not None and self.cancel.is_set():
                raise CancelledError(
                    self.ended,
                    where=f"{task}, {done:,} of {total:,} {unit} done",
                    fix="run the same command again: what was done is kept",
                )

        return report
