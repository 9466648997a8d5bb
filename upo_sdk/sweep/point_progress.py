"""What the process of a point sees of its run and its evaluation: where they are, and what the caches had.

Tasks that only report progress show in their first event how much was there already.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from upo_sdk import events
from upo_sdk.records import CacheUse
from upo_sdk.sweep.channel import Phase, PointMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.events import Event
    from upo_sdk.records import SharedWork

__all__ = ["PointProgress"]


@dataclass(slots=True)
class _Task:
    kind: SharedWork
    found: int
    total: int
    first: float
    last: float


class PointProgress:
    """A callback of a run, then of an evaluation.

    Attributes:
        phase: Where the point is.
        preparation: Seconds from the start of a run to the last event before its first logged step.
    """

    def __init__(self, send: Callable[[PointMessage], None], phase: Phase) -> None:
        self.phase: Phase = phase
        self.preparation = 0.0
        self._send, self._started = send, perf_counter()
        self._cache_uses = list[CacheUse]()
        self._tasks = dict[str, _Task]()

    def on_event(self, event: Event, /) -> None:
        """Pass on one event."""
        match event:
            case events.CacheUsed(task=task, label=label, found=found, computed=computed, seconds=seconds):
                self._cache_uses.append(
                    CacheUse(task=task, label=label, found=found, computed=computed, seconds=seconds)
                )
                self._still_preparing()
            case events.Progress(task=events.TRAINING):
                self.phase = "training"  # logged steps are sent instead: enough for one of several points
            case events.Progress(task, done, total, _, shared):
                self._still_preparing()
                if shared:
                    self._time(shared, task, done, total)
                self._send(PointMessage(phase=self.phase, task=task, done=done, total=total))
            case events.StepLogged(step, total, _):
                self.phase = "training"
                self._send(PointMessage(phase=self.phase, task=events.TRAINING, done=step, total=total))
            case events.Notice(level, text):
                sys.stderr.write(f"{level}: {text}\n")  # the log of the point
            case _:
                pass

    def cache_uses(self) -> tuple[CacheUse, ...]:
        """Return what was found and what was computed of the work that points have in common."""
        timed = [
            CacheUse(
                task=seen.kind,
                found=seen.found,
                computed=seen.total - seen.found,
                seconds=seen.last - seen.first,
            )
            for seen in self._tasks.values()
        ]
        return (*self._cache_uses, *timed)

    def _time(self, kind: SharedWork, task: str, done: int, total: int) -> None:
        now = perf_counter()
        self._tasks.setdefault(task, _Task(kind, done, total, now, now)).last = now

    def _still_preparing(self) -> None:
        if self.phase == "preparing":
            self.preparation = perf_counter() - self._started
