"""Worker processes that score batches beside each other; see :mod:`upo_sdk.scoring.worker`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from queue import SimpleQueue
from threading import Timer
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from types import TracebackType
    from typing import Self

    from upo_sdk.objectives import Completion
    from upo_sdk.plugin.build import LiveObjective

__all__ = ["ScoringPool", "available_cores"]

_START = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from upo_sdk.scoring.worker import serve; serve()"
"""Unlike a pool of ``multiprocessing``, this does not import the user's script again."""


def available_cores() -> int:
    """Return how many cores this process may use; ranks on one machine share them."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, usable // int(os.environ.get("LOCAL_WORLD_SIZE", "1")))


class ScoringPool:
    """A number of processes, each with a copy of one objective; use it as a context manager.

    Args:
        live: The objective, set up; a copy that does not show the same fingerprint is not used.
        fingerprint: What it shows.
        workers: How many processes.
        seconds: Time limit of one batch; a process that takes longer is ended, and its batch left to the caller.
    """

    def __init__(
        self, live: LiveObjective, fingerprint: Mapping[str, str], workers: int, *, seconds: float | None = None
    ) -> None:
        kind = type(live.options)
        self._hello = {
            "target": live.target,
            "options_type": f"{kind.__module__}:{kind.__qualname__}" if live.options else None,
            "options": live.options.model_dump(mode="json") if live.options else None,
        }
        self._fingerprint = dict(fingerprint)
        self._seconds = seconds
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="upo-scoring")
        self._workers = [_start() for _ in range(workers)]
        self._idle = SimpleQueue[_Worker]()
        for process in self._workers:
            self._idle.put(_Worker(process, self._seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """End the processes, whatever they are doing."""
        for process in self._workers:
            process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._workers:
            process.communicate()

    def map(self, batches: Iterable[Sequence[Completion]]) -> Iterator[list[float] | None]:
        """Yield the rewards of every batch, in order; None for a batch that no worker could score."""
        return self._threads.map(self._score, batches)

    def _score(self, batch: Sequence[Completion]) -> list[float] | None:
        worker = self._idle.get()
        try:
            if worker.fingerprint is None:
                worker.fingerprint = worker.ask(self._hello)
            if worker.fingerprint != self._fingerprint:
                return None
            written = [[getattr(item, field.name) for field in fields(item)] for item in batch]
            return cast("list[float] | None", worker.ask(written))
        except (OSError, ValueError):  # it ended; the batch is scored elsewhere
            return None
        finally:
            self._idle.put(worker)


class _Worker:
    def __init__(self, process: subprocess.Popen[str], seconds: float | None) -> None:
        self._process = process
        self._seconds = seconds
        self.fingerprint: dict[str, str] | None = None

    def ask(self, question: object) -> Any:
        assert self._process.stdin is not None  # noqa: S101 - both are pipes
        assert self._process.stdout is not None  # noqa: S101
        timer = Timer(self._seconds, self._process.kill) if self._seconds else None
        if timer:
            timer.start()
        try:
            self._process.stdin.write(json.dumps(question) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())
        finally:
            if timer:
                timer.cancel()


def _start() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _START, json.dumps(sys.path)]
    return subprocess.Popen(  # noqa: S603 - our own code
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding="utf-8"
    )
