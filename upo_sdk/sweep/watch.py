"""What the process of a point sees of its run and of its evaluation: where it is, what took how long."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

from upo_sdk import events
from upo_sdk.evaluation.sweep_schema import CacheUse
from upo_sdk.sweep.channel import Phase, Told

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.events import Event

__all__ = ["EvaluationWatch", "RunWatch"]


class RunWatch:
    """A callback of a run.

    Attributes:
        cache: What was found in the cache, task by task.
        preparation: Seconds from the start to the last event before the first logged step.
    """

    def __init__(self, tell: Callable[[Told], None]) -> None:
        self._tell, self._phase, self._started = tell, _PREPARING, perf_counter()
        self.cache = list[CacheUse]()
        self.preparation = 0.0

    def on_event(self, event: Event, /) -> None:
        """Pass on one event."""
        match event:
            case events.CacheUsed():
                self.cache.append(
                    CacheUse(
                        task=event.task,
                        label=event.label,
                        found=event.found,
                        computed=event.computed,
                        seconds=event.seconds,
                    )
                )
            case events.Progress(task, done, total, _):
                self._tell(Told(phase=self._phase, task=task, done=done, total=total))
            case events.StepLogged(step, total, _):
                self._phase = _TRAINING
                self._tell(Told(phase=_TRAINING, task="training", done=step, total=total))
            case _:
                pass
        if self._phase == _PREPARING:
            self.preparation = perf_counter() - self._started


_PREPARING: Phase = "preparing"
_TRAINING: Phase = "training"
