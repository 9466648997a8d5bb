"""Events of a sweep as JSON lines; docs/reference/events.md has the schema."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from upo_cli.json_lines import JsonLines, write_line
from upo_sdk.sweep import PointEnded, PointProgress, PointStarted, SweepReady

if TYPE_CHECKING:
    from upo_sdk.events import Event
    from upo_sdk.sweep import SweepEvent

__all__ = ["SweepLines"]


class SweepLines(JsonLines):
    """Writes one object per event; of the progress of a task of a point as of that of a run."""

    def on_event(self, event: Event | SweepEvent, /) -> None:
        """Write one event."""
        match event:
            case SweepReady(sweep):
                kept = {"name", "values", "objectives", "seed", "status"}
                write_line("sweep", {"points": [point.model_dump(include=kept) for point in sweep.points]})
            case PointStarted():
                write_line("point_started", asdict(event))
            case PointProgress():
                if self._is_due((event.name, event.phase, event.task), event.done, event.total):
                    write_line("point_progress", asdict(event))
            case PointEnded(point):
                write_line("point_ended", point.model_dump(include={"name", "status", "failure", "metrics", "seconds"}))
            case _:
                super().on_event(event)
