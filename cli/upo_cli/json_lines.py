"""Events as JSON lines on stderr, for platforms that show or store them; docs/reference/events.md has the schema."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

from upo_cli.output import jsonable
from upo_cli.view import TimeLeft, View
from upo_sdk import events
from upo_sdk.ranks import is_first_to_say

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from upo_sdk.errors import UPOError
    from upo_sdk.events import Event

__all__ = ["JsonLines", "error_line", "write_line"]

_NAMES = {
    "CacheUsed": "cache",
    "CheckpointSaved": "checkpoint",
    "Notice": "notice",
    "Progress": "progress",
    "RunFinished": "finished",
    "ScoresReady": "scores",
    "StepLogged": "step",
}
_SECONDS_BETWEEN = 1.0


class JsonLines(View):
    """Writes one object per event; of the progress of a task the first, the last, and one a second between."""

    def __init__(self) -> None:
        self._last: dict[Hashable, float] = {}
        self._time_left = TimeLeft()

    def stopping(self, text: str) -> None:
        """Say that the first signal has arrived."""
        os.write(2, _line("notice", {"level": "warning", "text": text}).encode())  # safe in a signal handler

    def on_event(self, event: Event, /) -> None:
        """Write one event."""
        if isinstance(event, events.Notice):
            is_first_to_say(event.text)  # so that no other process says it again
        if isinstance(event, events.PlanReady):
            write_line("plan", _plan(event.plan))
        elif isinstance(event, events.Progress) and event.task == events.TRAINING:
            seconds = self._time_left.seconds(event.done, event.total)
            if self._is_due(event.task, event.done, event.total):
                write_line("progress", {**jsonable(event), "seconds_left": seconds and round(seconds, 1)})
        elif not isinstance(event, events.Progress) or self._is_due(event.task, event.done, event.total):
            values: dict[str, Any] = jsonable(event)
            write_line(_NAMES[type(event).__name__], values.get("result", values))

    def _is_due(self, task: Hashable, done: int, total: int) -> bool:
        now, last = perf_counter(), self._last.get(task)
        if done >= total > 0:
            self._last.pop(task, None)
            return True
        if last is not None and now - last < _SECONDS_BETWEEN:
            return False
        self._last[task] = now
        return True


def error_line(error: UPOError) -> None:
    """Write what is wrong, where, and what to type next."""
    write_line("error", {"code": error.code, "what": error.what, "where": error.where, "fix": error.fix})


def write_line(name: str, values: Mapping[str, Any]) -> None:
    """Write an event, with the time."""
    sys.stderr.write(_line(name, values))
    sys.stderr.flush()


def _line(name: str, values: Mapping[str, Any]) -> str:
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    return json.dumps({"event": name, "time": time, **jsonable(values)}, allow_nan=False) + "\n"


def _plan(plan: Any) -> dict[str, Any]:
    return {
        "model": plan.model.path,
        "data": plan.data.description,
        "objectives": {item.label: item.weight for item in plan.objectives},
        "steps": plan.steps,
        "learning_rate": plan.config.training.learning_rate,
        "rows_per_step": plan.rows_per_step,
        "tokens_per_step": plan.tokens_per_step,
        "max_length": plan.data_config.max_length,
        "loads": plan.loads,
        "output_dir": str(plan.config.output_dir),
    }
