"""Events of a run, as typed values; a :class:`Callback` receives them in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from upo_sdk.records import RunRecord, ScoreStatistics, SharedWork

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = [
    "CacheUsed",
    "Callback",
    "CancelToken",
    "CheckpointSaved",
    "Event",
    "Notice",
    "PlanReady",
    "Progress",
    "RunFinished",
    "ScoreStatistics",
    "ScoresReady",
    "SharedWork",
    "StepLogged",
    "emit",
]

TRAINING = "training"
"""The task whose units are the optimizer's steps."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the user should know: a choice made for them (``info``) or a danger (``warning``)."""

    level: Literal["info", "warning"]
    text: str


@dataclass(frozen=True, slots=True)
class PlanReady:
    """The resolved plan, before any work."""

    plan: object


@dataclass(frozen=True, slots=True)
class Progress:
    """``done`` of ``total`` units of a task are finished, such as scoring or the reference pass.

    Attributes:
        task: In words, for people.
        shared: Which work of all runs it is, if it is and no :class:`CacheUsed` follows; its first event says how much
            the cache had.
    """

    task: str
    done: int
    total: int
    unit: str
    shared: SharedWork | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUsed:
    """A task of the preparation is done: how much of it an earlier run had left in the cache.

    Attributes:
        task: ``scoring`` or ``reference``.
        label: The objective that scored; empty for the reference.
        split: ``training``, ``held-out``, or ``corpus`` where a corpus is scored.
        found: Completions whose result was there; equal ones count once in scoring.
        computed: Completions whose result was computed now.
        seconds: Wall time.
    """

    task: Literal["scoring", "reference"]
    label: str
    split: str
    found: int
    computed: int
    seconds: float


@dataclass(frozen=True, slots=True)
class ScoresReady:
    """Every completion is scored."""

    statistics: tuple[ScoreStatistics, ...]


@dataclass(frozen=True, slots=True)
class StepLogged:
    """Metrics of the last logging interval, also written to ``metrics.jsonl``."""

    step: int
    total_steps: int
    metrics: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class CheckpointSaved:
    """A checkpoint is complete on disk."""

    path: Path


@dataclass(frozen=True, slots=True)
class RunFinished:
    """The run is over; ``result`` is what ``align`` returns."""

    result: RunRecord


Event = Notice | PlanReady | Progress | CacheUsed | ScoresReady | StepLogged | CheckpointSaved | RunFinished


class Callback(Protocol):
    """Receives the events of one run; an exception it raises ends the run."""

    def on_event(self, event: Event, /) -> None:
        """React to an event; called in the thread of the run."""
        ...


class CancelToken(Protocol):
    """Anything with ``is_set()``, such as a ``threading.Event``."""

    def is_set(self) -> bool:
        """Whether the run should stop at the next step, leaving a usable checkpoint."""
        ...


def emit(callbacks: tuple[Callback, ...], event: Event) -> None:
    """Hand an event to every callback, in order."""
    for callback in callbacks:
        callback.on_event(event)
