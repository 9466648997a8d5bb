"""The processes of a launch: each computes its share, all get all results, and one that fails ends the others."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from upo_sdk.errors import ConfigError, ObjectiveFailedError, PartlyScoredError, TrainingError, UPOError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

__all__ = [
    "Ranks",
    "check_launch",
    "is_first_to_fail",
    "is_first_to_say",
    "is_launched",
    "is_main_process",
    "launched_ranks",
]

T = TypeVar("T")

_LOOK_SECONDS = 0.02
_CONNECT_SECONDS = 5
_MPI_SIZES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE")
_FAILED = "upo/failed"
_ARRIVED = "upo/arrived"


def launched_ranks() -> int:
    """Return how many processes the launcher started."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main_process() -> bool:
    """Whether this process is the one that speaks, writes and pushes."""
    return _launched_rank() == 0


def _launched_rank() -> int:
    return int(os.environ.get("RANK", "0"))


def is_launched() -> bool:
    """Whether a launcher started this process: torchrun, or accelerate, which may have started it alone."""
    return "RANK" in os.environ or "ACCELERATE_DYNAMO_BACKEND" in os.environ


def check_launch(asked: int | None = None) -> None:
    """Check that as many processes were started as were asked for.

    Args:
        asked: How many, where that is known.

    Raises:
        ConfigError: There are fewer. ``accelerate launch --cpu --num_processes 2`` starts one, which would train with
            half of the batch.
    """
    started, by_accelerate = launched_ranks(), "RANK" not in os.environ and "MASTER_PORT" in os.environ
    alone = is_launched() and by_accelerate and not any(name in os.environ for name in _MPI_SIZES)
    if alone or (asked is not None and is_launched() and asked != started):
        number = f"{asked:,}" if asked else "several"
        raise ConfigError(
            f"{number} processes were asked for, and the launcher started {started}",
            where="`accelerate launch`",
            fix="upo train --num_processes N, or accelerate launch --multi_gpu: without a GPU, both use the CPU",
        )


@dataclass(frozen=True, slots=True)
class Ranks:
    """The processes that share the work of a run; one process by itself shares with nobody.

    Before every exchange a process waits until all have arrived or one has failed, at the store that the launcher
    keeps: a collective of torch would wait for minutes for one that is gone.

    Attributes:
        index: Which of them this one is.
        count: How many there are.
    """

    index: int = 0
    count: int = 1

    @classmethod
    def of_launch(cls) -> Ranks:
        """Return the processes of this launch; torch's process group is needed before the first exchange."""
        count = launched_ranks()
        return cls(_launched_rank() if count > 1 else 0, count)

    def share(self, parts: Sequence[T]) -> Sequence[T]:
        """Return the parts that this process computes: every ``count``-th, so that long and short ones are spread."""
        return parts[self.index :: self.count]

    def gather(self, value: T) -> list[T]:
        """Return the values of all processes, in order; all call it.

        Raises:
            TrainingError: Another process failed, or is gone.
        """
        if self.count == 1:
            return [value]
        import torch.distributed

        self._wait_for_all()
        values: list[Any] = [None] * self.count
        torch.distributed.all_gather_object(values, value)
        return values

    @contextmanager
    def together(self) -> Generator[Callable[[int], int]]:
        """Work on shares: raise in every process what one of them raises in here.

        Yields a function that adds to a count of all processes and returns it. Call it after every part: it ends this
        process's share where another one has failed.
        """
        if self.count == 1:
            yield _counter()
            return
        store = _store()
        work = f"upo/work/{store.add(f'upo/works/{self.index}', 1)}"
        failed = f"{work}/failed"

        def count(added: int) -> int:
            _raise_if_failed(store, self.index)
            if store.check([failed]):
                raise _StoppedError
            return int(store.add(work, added))

        failure: Exception | None = None
        try:
            yield count
        except _StoppedError:
            pass
        except Exception as error:  # noqa: BLE001 - raised below, once the others know
            failure = error
            store.set(failed, "")
        told = self.gather(failure and _Failure.of(failure))
        if failure:
            raise failure
        for index, other in enumerate(told):
            if other:
                raise other.error(index)

    def _wait_for_all(self) -> None:
        store = _store()
        try:
            expected = self.count * store.add(f"{_ARRIVED}/{self.index}", 1)
            arrived = store.add(_ARRIVED, 1)
            while arrived < expected:
                time.sleep(_LOOK_SECONDS)
                _raise_if_failed(store, self.index)
                arrived = store.add(_ARRIVED, 0)
        except RuntimeError as error:  # the store went with the process that kept it
            raise TrainingError("another process of this launch has ended", fix="see what it printed") from error


class _StoppedError(Exception):
    """Another process failed at its share; which error that was comes with the exchange at the end."""


def _counter() -> Callable[[int], int]:
    total = 0

    def count(added: int) -> int:
        nonlocal total
        total += added
        return total

    return count


@dataclass(frozen=True, slots=True)
class _Failure:
    """What a process tells the others of its error."""

    kind: type[UPOError]
    what: str
    where: str | None
    fix: str | None

    @classmethod
    def of(cls, error: Exception) -> _Failure:
        if not isinstance(error, UPOError):
            return cls(TrainingError, f"{type(error).__name__}: {error}", None, None)
        kind = ObjectiveFailedError if isinstance(error, PartlyScoredError) else type(error)
        return cls(kind, error.what, error.where, error.fix)

    def error(self, rank: int) -> UPOError:
        return self.kind(self.what, where=f"{self.where or 'process'}, rank {rank}", fix=self.fix)


def is_first_to_fail(reason: str) -> bool:
    """Tell the other processes that this one ends and why; return whether none did before: one reason is enough."""
    return _is_first(_FAILED, reason)


def is_first_to_say(text: str) -> bool:
    """Remember that this process says something; return whether no other one did before."""
    return _is_first(f"upo/said/{hashlib.sha256(text.encode()).hexdigest()}", "")


def _is_first(key: str, note: str) -> bool:
    if launched_ranks() == 1:
        return True
    try:
        first = _store().compare_set(key, "", json.dumps([_launched_rank(), note]))
    except RuntimeError:  # no store yet, or no longer
        return True
    return bool(json.loads(first)[0] == _launched_rank())


def _raise_if_failed(store: Any, index: int) -> None:
    if not store.check([_FAILED]):
        return
    rank, reason = json.loads(store.get(_FAILED))
    if rank != index:
        raise TrainingError(f"another process of this launch failed: {reason}", where=f"rank {rank}")


@cache
def _store() -> Any:  # a store of torch, whose stubs do not export it
    """Connect to the store by which the processes of this launch found each other."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    return TCPStore(host, port, is_master=False, timeout=timedelta(seconds=_CONNECT_SECONDS))
