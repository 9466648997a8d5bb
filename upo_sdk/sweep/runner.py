"""Runs the points of a sweep that are left to do, some beside each other, and keeps ``sweep.json`` up to date."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from upo_sdk.events import Notice
from upo_sdk.records import PointFailure, PointRecord
from upo_sdk.records.base import now
from upo_sdk.report import write_report_or_warn
from upo_sdk.sweep.process import EVALUATE, STOP, PointMessage, PointProcess
from upo_sdk.sweep.summary import summarized

if TYPE_CHECKING:
    from upo_sdk.events import CancelToken
    from upo_sdk.records import SweepPoint, SweepRecord
    from upo_sdk.sweep.folder import SweepFolder

__all__ = ["PointEnded", "PointProgress", "PointStarted", "Runner", "SweepCallback", "SweepEvent", "SweepReady"]

_LOOK_AROUND_SECONDS = 0.2
_ENDS = {"done", "failed", "cancelled"}


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


class Runner:
    """One call of a sweep.

    What only the first point has to compute is computed by one point at a time, so that points which run beside each
    other do not all compute it: one prepares its run at a time, and until the base model's answers are known, one
    evaluates at a time.
    """

    def __init__(
        self,
        state: SweepRecord,
        folder: SweepFolder,
        jobs: int,
        callbacks: tuple[SweepCallback, ...],
        cancel: CancelToken | None,
    ) -> None:
        self._state, self._folder, self._jobs = state, folder, jobs
        self._callbacks, self._cancel = callbacks, cancel
        self._messages = SimpleQueue[tuple[str, PointMessage]]()
        self._running = dict[str, PointProcess]()
        self._stopping = False

    def execute(self) -> SweepRecord:
        """Run what is left to do; whatever ends this, no process of a point is left behind."""
        self._take_over_results()
        self._emit(SweepReady(self._state))
        waiting = deque(point.name for point in self._state.points if point.status != "done")
        try:
            while waiting or self._running:
                if self._is_cancelled():
                    waiting.clear()
                while waiting and self._may_start():
                    self._start(waiting.popleft())
                self._let_evaluate()
                self._listen()
        finally:
            for process in self._running.values():
                process.end()
        if all(point.status in {"done", "failed"} for point in self._state.points):
            self._write(self._state.model_copy(update={"finished": now()}))
        if self._state.rows:
            write_report_or_warn(self._folder.path, lambda text: self._emit(Notice("warning", text)))
        return self._state

    def _take_over_results(self) -> None:
        """Use the results of earlier calls; what was evaluated with other settings is evaluated again."""
        points = [self._with_result(point) for point in self._state.points]
        self._write(self._state.model_copy(update={"points": tuple(points)}))
        self._summarize()

    def _with_result(self, point: SweepPoint) -> SweepPoint:
        record = PointRecord.find_readable(self._folder.path / point.folder)
        if record is None or record.fingerprint != point.fingerprint or record.evaluation != self._state.evaluation:
            return point.model_copy(update={"status": "pending"})
        if not self._state.baseline:
            self._state = self._state.model_copy(update={"baseline": record.baseline})
        seconds = {**record.seconds, "total": sum(record.seconds.values())}
        cache = (*record.cache, *record.evaluation_cache)
        result = {"status": "done", "metrics": record.metrics, "cache": cache, "seconds": seconds, "failure": None}
        return point.model_copy(update=result)

    def _may_start(self) -> bool:
        preparing = any(process.phase == "preparing" for process in self._running.values())
        return len(self._running) < self._jobs and not preparing

    def _start(self, name: str) -> None:
        point = self._change(name, status="running")
        folder = self._folder.path / point.folder
        process = PointProcess(name, folder, self._folder.log(name), self._messages, self._jobs)
        self._running[name] = process
        self._emit(PointStarted(name))

    def _let_evaluate(self) -> None:
        for process in self._running.values():
            phases = [other.phase for other in self._running.values()]
            if process.phase == "waiting" and (self._state.baseline or "evaluating" not in phases):
                process.phase = "evaluating"
                process.send(EVALUATE)

    def _listen(self) -> None:
        try:
            name, message = self._messages.get(timeout=_LOOK_AROUND_SECONDS)
        except Empty:
            return
        if message.phase in _ENDS:
            self._end(name, message)
            return
        process = self._running[name]
        if not (process.phase == "evaluating" and message.phase == "waiting"):
            process.phase = message.phase
        self._emit(PointProgress(name, message.phase, message.task, message.done, message.total))

    def _end(self, name: str, message: PointMessage) -> None:
        self._running.pop(name).end()
        point = self._point(name)
        if message.phase == "done":
            point = self._with_result(point)
            if point.status != "done":
                what = "it ended without a result that can be read"
                message = PointMessage(phase="failed", failure=PointFailure(code="process", what=what))
        if message.phase != "done":
            point = self._change(name, status=message.phase, failure=message.failure)
        self._replace(point)
        self._summarize()
        self._emit(PointEnded(self._point(name), self._state))

    def _is_cancelled(self) -> bool:
        if self._cancel is None or not self._cancel.is_set():
            return False
        if not self._stopping:
            self._stopping = True
            for process in self._running.values():
                process.send(STOP)
        return True

    def _point(self, name: str) -> SweepPoint:
        return next(point for point in self._state.points if point.name == name)

    def _change(self, name: str, **changes: Any) -> SweepPoint:
        changed = self._point(name).model_copy(update=changes)
        self._replace(changed)
        return changed

    def _replace(self, changed: SweepPoint) -> None:
        points = tuple(changed if point.name == changed.name else point for point in self._state.points)
        self._write(self._state.model_copy(update={"points": points}))

    def _summarize(self) -> None:
        self._write(summarized(self._state))

    def _write(self, state: SweepRecord) -> None:
        self._state = state
        self._folder.write(state)

    def _emit(self, event: SweepEvent) -> None:
        for callback in self._callbacks:
            callback.on_event(event)
