"""One point of a sweep in its own process: ``python -m upo_sdk.sweep.point SWEEP/points/NAME``.

Finished work is not repeated: a finished run is only evaluated, an unfinished one resumes from its newest checkpoint,
or starts again if there is none.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from upo_sdk import events
from upo_sdk.config import build_config
from upo_sdk.errors import CancelledError, OutputError, UPOError
from upo_sdk.records import CacheUse, PointFailure, PointRecord, RunRecord
from upo_sdk.sweep.folder import SweepFolder
from upo_sdk.sweep.process import Channel, Phase, PointMessage
from upo_sdk.training.checkpoints import damage, newest_first

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.config import RunConfig
    from upo_sdk.events import Event
    from upo_sdk.records import SharedWork, SweepPoint, SweepRecord

__all__ = ["PointProgress", "main", "run_point"]


def main(arguments: list[str] | None = None) -> None:
    """Run the point of a folder and end the process: 0 done, 1 failed, 130 stopped by the sweep."""
    parser = argparse.ArgumentParser(description="Run, or resume, one point of a sweep.")
    parser.add_argument("folder", type=Path, help="SWEEP/points/NAME, as sweep.json has it")
    parser.add_argument("--attached", action="store_true", help="talk to the sweep over stdin and stdout")
    given = parser.parse_args(arguments)
    channel = Channel.attached() if given.attached else Channel()
    ended = run_point(given.folder, channel)
    channel.send(ended)
    if ended.failure:
        sys.stderr.write(f"{ended.failure.what}\n")
    sys.exit({"done": 0, "cancelled": CancelledError.exit_code}.get(ended.phase, 1))


def run_point(folder: Path, channel: Channel) -> PointMessage:
    """Train and evaluate a point, and return how it ended; nothing is raised but an interrupt.

    Args:
        folder: The run folder; two levels above it is the sweep's.
        channel: Receives progress, and says when to stop.
    """
    sweep = SweepFolder(folder.parent.parent)
    try:
        state = sweep.read()
        point = _find(state, folder)
        with sweep.locked_point(point.name):
            return _Point(point, folder, dict(state.evaluation), channel).execute()
    except CancelledError:
        return PointMessage(phase="cancelled")
    except UPOError as error:
        failure = PointFailure(code=error.code, what=error.what, where=error.where, fix=error.fix)
    except Exception as error:  # noqa: BLE001 - the traceback is in the log; the other points continue
        traceback.print_exc()
        failure = PointFailure(code="bug", what=f"{type(error).__name__}: {error}", fix="see its log for the traceback")
    return PointMessage(phase="failed", failure=failure)


class _Point:
    """One point, from the configuration to its metrics."""

    def __init__(self, point: SweepPoint, folder: Path, evaluation: dict[str, object], channel: Channel) -> None:
        self.point, self.folder, self.evaluation, self.channel = point, folder, evaluation, channel

    def execute(self) -> PointMessage:
        record = PointRecord.find_readable(self.folder)
        if record is None or record.fingerprint != self.point.fingerprint or _status(self.folder) != "completed":
            record = self._train()
            if record is None:
                return PointMessage(phase="cancelled")
        if record.evaluation != self.evaluation:
            self.channel.send(PointMessage(phase="waiting"))
            self.channel.wait_to_evaluate()
            self._evaluate(record)
        return PointMessage(phase="done")

    def _train(self) -> PointRecord | None:
        """Start or resume the run; return None if it was stopped."""
        from upo_sdk.run import align

        started, progress = perf_counter(), PointProgress(self.channel.send, "preparing")
        self.channel.send(PointMessage(phase="preparing"))
        command = shlex.split(self.point.command)
        result = align(self._config(), callbacks=[progress], cancel=self.channel.cancel, command=command)
        if result.status == "cancelled":
            return None
        total = perf_counter() - started
        seconds = {"preparation": progress.preparation, "training": total - progress.preparation}
        record = PointRecord(fingerprint=self.point.fingerprint, seconds=seconds, cache=progress.cache_uses())
        record.save(self.folder)
        return record

    def _config(self) -> RunConfig:
        place = {"output_dir": self.folder}
        if _status(self.folder) in {"running", "cancelled"} and _has_checkpoint(self.folder):
            return build_config(self.point.config, {**place, "resume_from_checkpoint": "last"})
        if self.folder.exists():  # of a run that ended before its first checkpoint
            shutil.rmtree(self.folder)
        return build_config(self.point.config, place)

    def _evaluate(self, record: PointRecord) -> None:
        from upo_sdk.config import EvalConfig
        from upo_sdk.evaluation.evaluate import evaluate

        started, progress = perf_counter(), PointProgress(self.channel.send, "evaluating")
        self.channel.send(PointMessage(phase="evaluating"))
        settings = {"model": str(self.folder), "plugins": self.point.config.get("plugins", {}), **self.evaluation}
        evaluation = evaluate(EvalConfig.model_validate(settings), callbacks=[progress], cancel=self.channel.cancel)
        done = {
            "evaluation": self.evaluation,
            "metrics": evaluation.metrics,
            "seconds": {**record.seconds, "evaluation": perf_counter() - started},
            "evaluation_cache": progress.cache_uses(),
        }
        record.model_copy(update=done).save(self.folder)


def _find(sweep: SweepRecord, folder: Path) -> SweepPoint:
    for point in sweep.points:
        if point.name == folder.name:
            return point
    raise OutputError("the sweep has no such point", where=str(folder), fix="take a name from sweep.json")


def _status(folder: Path) -> str | None:
    run = RunRecord.find_readable(folder)
    return run.status if run else None


def _has_checkpoint(folder: Path) -> bool:
    return any(damage(entry) is None for entry in newest_first(folder))


if __name__ == "__main__":
    main()


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
