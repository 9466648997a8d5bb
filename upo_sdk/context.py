"""What every part of a run or of an evaluation shares: who listens, who may stop it, the cache and the guard."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from upo_sdk.cache import CACHE_FILE, ContentCache, default_cache_dir
from upo_sdk.errors import CancelledError
from upo_sdk.events import Notice, Progress, emit
from upo_sdk.objectives.guard import Guard
from upo_sdk.ranks import Ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from upo_sdk.events import Callback, CancelToken, Event, SharedWork

__all__ = ["RunContext"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """Passed once to what needs it.

    Attributes:
        callbacks: Receive the events.
        cancel: Once set, the work ends.
        cache: Where results are kept by content.
        guard: Calls the objectives.
        cancelled: What the error says when the work was cancelled.
    """

    callbacks: tuple[Callback, ...]
    cancel: CancelToken | None
    cache: ContentCache
    guard: Guard
    cancelled: str

    @classmethod
    def of(
        cls,
        callbacks: Sequence[Callback] = (),
        cancel: CancelToken | None = None,
        *,
        cache: ContentCache | None = None,
        timeout: float | None = None,
        cancelled: str = "the run was cancelled before training",
        ranks: Ranks = Ranks(),  # noqa: B008 - frozen
    ) -> RunContext:
        """Return the context of some work.

        Args:
            callbacks: Receive the events.
            cancel: Once set, the work ends.
            cache: By default the user's.
            timeout: Seconds that one call of an objective may take.
            cancelled: What the error says when the work was cancelled.
            ranks: The processes that share the work; with several, all do the same in the same order.

        Raises:
            OutputError: The cache cannot be used.
        """
        receivers = tuple(callbacks)
        return cls(
            callbacks=receivers,
            cancel=cancel,
            cache=cache or ContentCache(default_cache_dir() / CACHE_FILE, ranks),
            guard=Guard(timeout, lambda text: emit(receivers, Notice("warning", text))),
            cancelled=cancelled,
        )

    @property
    def is_cancelled(self) -> bool:
        """Whether the caller asked to stop."""
        return self.cancel is not None and self.cancel.is_set()

    def emit(self, event: Event) -> None:
        """Hand an event to every callback, in order."""
        emit(self.callbacks, event)

    def notice(self, level: Literal["info", "warning"], text: str) -> None:
        """Say what the user should know."""
        self.emit(Notice(level, text))

    def note(self, text: str) -> None:
        """Say which choice was made."""
        self.notice("info", text)

    def warn(self, text: str) -> None:
        """Say what may be wrong."""
        self.notice("warning", text)

    def check_cancelled(self, where: str) -> None:
        """End the work if the caller asked for it.

        Raises:
            CancelledError: The caller did.
        """
        if self.is_cancelled:
            raise CancelledError(self.cancelled, where=where, fix="run the same command again: finished work is kept")

    def progress(self, task: str, unit: str, shared: SharedWork | None = None) -> Callable[[int, int], None]:
        """Return a function that emits the progress of a task, and ends it if the caller cancels."""

        def report(done: int, total: int) -> None:
            self.emit(Progress(task, done, total, unit, shared))
            self.check_cancelled(f"{task}, {done:,} of {total:,} {unit} done")

        return report
