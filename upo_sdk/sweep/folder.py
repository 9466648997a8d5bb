"""The folder of a sweep: refused unless it is free or holds a sweep; its state is there whole or not at all."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from upo_sdk.atomic_file import check_takes_files
from upo_sdk.errors import OutputError
from upo_sdk.records import SweepRecord

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager
    from pathlib import Path

__all__ = ["SweepFolder"]

_POINTS, _LOGS, _LOCKS = "points", "logs", ".locks"
_SECONDS_FOR_THE_DYING = 20.0


@dataclass(frozen=True, slots=True)
class SweepFolder:
    """``sweep.json``, ``points/NAME`` (run folders) and ``logs/NAME.log``."""

    path: Path

    @property
    def state_file(self) -> Path:
        """Where the state is."""
        return self.path / SweepRecord.FILE

    def check(self) -> bool:
        """Return whether the folder holds a sweep; write nothing.

        Raises:
            OutputError: It is a file, cannot be written, or holds something else.
        """
        check_takes_files(self.path)
        if self.state_file.is_file():
            return True
        if self.path.exists() and any(entry.name != _LOCKS for entry in self.path.iterdir()):
            raise OutputError(
                "the output folder holds something that is not a sweep",
                where=str(self.path),
                fix="choose another `output_dir`",
            )
        return False

    def read(self) -> SweepRecord:
        """Return the state.

        Raises:
            OutputError: There is none, or it cannot be read.
        """
        if not self.path.is_dir():
            raise OutputError("there is no such folder", where=str(self.path), fix="check the path")
        return SweepRecord.load(self.path)

    def write(self, sweep: SweepRecord) -> None:
        """Write the state, whole or not at all.

        Raises:
            OutputError: The folder cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            sweep.save(self.path)
        except OSError as error:
            raise _cannot_write(self.path, error) from error

    def clear(self) -> None:
        """Remove what an earlier sweep left: its state first, so that no half of it is taken for a sweep."""
        self.state_file.unlink(missing_ok=True)
        for name in (_POINTS, _LOGS):
            shutil.rmtree(self.path / name, ignore_errors=True)

    def log(self, name: str) -> Path:
        """Return where the process of a point writes what it says; the folder is there."""
        (self.path / _LOGS).mkdir(exist_ok=True)
        return self.path / _LOGS / f"{name}.log"

    def locked(self) -> AbstractContextManager[None]:
        """Keep other sweeps out of the folder; the lock goes when this process does.

        Raises:
            OutputError: Another process has it, or the folder cannot be written.
        """
        return self._lock("sweep", 0.0, "another `upo sweep` works in this folder")

    def locked_point(self, name: str) -> AbstractContextManager[None]:
        """Keep other processes out of the folder of a point; wait a little for one that is just ending.

        Raises:
            OutputError: Another process has it.
        """
        return self._lock(f"point-{name}", _SECONDS_FOR_THE_DYING, f"another process works on the point {name}")

    @contextmanager
    def _lock(self, name: str, seconds: float, what: str) -> Generator[None]:
        try:
            (self.path / _LOCKS).mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.path / _LOCKS / f"{name}.lock")
            lock.acquire(timeout=seconds)
        except Timeout:
            raise OutputError(what, where=str(self.path), fix="wait until it is over, or stop it") from None
        except OSError as error:
            raise _cannot_write(self.path, error) from error
        try:
            yield
        finally:
            lock.release()


def _cannot_write(path: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the folder cannot be written: {error.strerror or error}", where=str(path), fix="choose another `output_dir`"
    )
