"""Both ends of a point's process: JSON lines to the sweep, single words to the point.

The sweep sends ``evaluate`` when the point may evaluate, and ``stop`` when it should save a checkpoint and end. If the
stream ends, the sweep is gone: then the point ends at once, so that it does not outlive its sweep and write into the
folder of the next one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Literal, TextIO

from pydantic import Field, ValidationError

from upo_sdk.config.base import Section
from upo_sdk.records import PointFailure
from upo_sdk.scoring.pool import available_cores

if TYPE_CHECKING:
    from pathlib import Path
    from queue import SimpleQueue
    from typing import Self

__all__ = ["EVALUATE", "STOP", "Channel", "Phase", "PointMessage", "PointProcess"]

_START = "import json, sys; sys.path[:] = json.loads(sys.argv.pop(1)); from upo_sdk.sweep.point import main; main()"
"""Unlike ``-m``, this finds what the sweep finds, and nothing in the current folder by itself."""

_THREADS = "OMP_NUM_THREADS"


class PointProcess:
    """A point that runs.

    Args:
        name: The point's.
        folder: Its run folder.
        log: Where what it prints goes.
        messages: Receives its name with each message; the last message is how it ended.
        jobs: Points that share this machine.
    """

    def __init__(
        self, name: str, folder: Path, log: Path, messages: SimpleQueue[tuple[str, PointMessage]], jobs: int
    ) -> None:
        self.name, self.phase = name, "preparing"
        self._log, self._messages = log, messages
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own code
                [sys.executable, "-c", _START, json.dumps(sys.path), str(folder), "--attached"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                encoding="utf-8",
                env=_environment(jobs),
                start_new_session=True,  # an interrupt at the terminal is the sweep's to hand on
            )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, word: str) -> None:
        """Send ``evaluate`` or ``stop``; a process that has ended does not receive it."""
        assert self._process.stdin is not None  # noqa: S101 - a pipe
        try:
            self._process.stdin.write(f"{word}\n")
            self._process.stdin.flush()
        except OSError:
            pass

    def end(self) -> None:
        """End it, whatever it is doing."""
        self._process.kill()
        self._reader.join()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - a pipe
        last: PointMessage | None = None
        for line in self._process.stdout:
            try:
                last = PointMessage.model_validate_json(line)
            except ValidationError:
                continue
            if last.phase not in {"done", "failed", "cancelled"}:
                self._messages.put((self.name, last))
        code = self._process.wait()
        ended = last if last is not None and last.phase in {"done", "failed", "cancelled"} else self._died(code)
        self._messages.put((self.name, ended))

    def _died(self, code: int) -> PointMessage:
        how = f"by signal {-code}, perhaps because memory ran out" if code < 0 else f"with exit code {code}"
        failure = PointFailure(
            code="process", what=f"its process ended {how}", where=str(self._log), fix="read the end of its log"
        )
        return PointMessage(phase="failed", failure=failure)


def _environment(jobs: int) -> dict[str, str] | None:
    """Share the cores among points that run beside each other, unless the user has decided that."""
    if jobs == 1 or _THREADS in os.environ:
        return None
    return {**os.environ, _THREADS: str(max(1, available_cores() // jobs))}


EVALUATE, STOP = "evaluate", "stop"

Phase = Literal["preparing", "training", "waiting", "evaluating", "done", "failed", "cancelled"]

_ORPHANED = 1


class PointMessage(Section):
    """One message of a point: its progress, or how it ended."""

    phase: Phase
    task: str = Field(default="", description="What the numbers count.")
    done: int = 0
    total: int = 0
    failure: PointFailure | None = None


class Channel:
    """The point's end.

    Attributes:
        cancel: Set once the sweep sends ``stop``.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.cancel = threading.Event()
        self._may_evaluate = threading.Event()
        self._out = out
        if out is None:
            self._may_evaluate.set()

    @classmethod
    def attached(cls) -> Self:
        """Take stdin and stdout for the channel; what anything else prints to stdout goes to stderr."""
        channel = cls(os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1))
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        threading.Thread(target=channel._listen, daemon=True).start()
        return channel

    def send(self, message: PointMessage) -> None:
        """Report where the point is."""
        if self._out is None:
            return
        try:
            self._out.write(message.model_dump_json() + "\n")
        except BrokenPipeError:  # the sweep is gone; a run that failed for it would not be resumed
            os._exit(_ORPHANED)

    def wait_to_evaluate(self) -> None:
        """Return when the sweep lets this point evaluate, or wants it to stop."""
        self._may_evaluate.wait()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == STOP:
                self.cancel.set()
            self._may_evaluate.set()
        os._exit(_ORPHANED)
