"""Events of a sweep, as typed values; a :class:`SweepCallback` receives them in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from upo_sdk.events import Notice
    from upo_sdk.records import SweepPoint, SweepRecord

__all__ = ["PointEnded", "PointProgress", "PointStarted", "SweepCallback", "SweepEvent", "SweepReady"]


@dataclass(frozen=True, slots=True)
class SweepReady:
    """The points are known; those that are done already are kept."""

    sweep: SweepRecord


@dataclass(frozen=True, slots=True)
class PointStarted:
    """The process of a point has started."""

    name: str


@dataclass(frozen=True, slots=True)
class PointProgress:
    """Where a point is: ``done`` of ``total`` units of a task."""

    name: str
    phase: str
    task: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class PointEnded:
    """A point is done, failed or cancelled; the sweep has its result."""

    point: SweepPoint
    sweep: SweepRecord


SweepEvent: TypeAlias = "Notice | SweepReady | PointStarted | PointProgress | PointEnded"


class SweepCallback(Protocol):
    """Receives the events of one sweep; an exception it raises ends the sweep."""

    def on_event(self, event: SweepEvent, /) -> None:
        """React to an event; called in the thread of the sweep."""
        ...
