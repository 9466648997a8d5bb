"""The folder of the cache: files that are there whole or not at all, and a lock that keeps them while they are used."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, cast
from uuid import uuid4

from upo_sdk.errors import OutputError
from upo_sdk.ranks import Ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = [
    "CACHE_FILE",
    "SCRATCH",
    "cache_folder",
    "cache_in_use",
    "default_cache_dir",
    "mark_used",
    "read_or_make",
    "scratch_file",
]

CACHE_FILE = "cache.sqlite"
SCRATCH = ".unfinished-"
"""How the name of a file begins that is not whole yet, or was left by a killed process."""

T = TypeVar("T")


def default_cache_dir() -> Path:
    """Return ``$UPO_CACHE_DIR``, else ``upo`` in the user's cache folder."""
    if chosen := os.environ.get("UPO_CACHE_DIR"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "upo"


def cache_folder(name: str) -> Path:
    """Return a folder of the cache, which is created.

    Raises:
        OutputError: It cannot be created or written to.
    """
    folder = default_cache_dir() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error
    return folder


@contextmanager
def scratch_file(folder: Path) -> Generator[Path]:
    """Yield the path of a new file to write, which the caller renames once it is whole; else it is removed.

    Raises:
        OutputError: It cannot be written.
    """
    try:
        path = folder / f"{SCRATCH}{uuid4().hex}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error


def read_or_make(
    path: Path,
    read: Callable[[Path], T],
    make: Callable[[Path], object],
    ranks: Ranks = Ranks(),  # noqa: B008 - frozen
) -> T:
    """Return what ``read`` finds in a file of the cache; one that is missing, cut off or damaged is made first.

    Args:
        path: The file.
        read: Raises ``OSError``, ``EOFError`` or ``ValueError`` for a file that is not whole.
        make: Writes the file.
        ranks: Processes that make their files together: all of them do, unless each has a whole one.
    """
    found = _read_if_whole(path, read)
    if not all(ranks.gather(found is not None)):
        make(path)
        return read(path)
    mark_used(path)
    return cast("T", found)


def _read_if_whole(path: Path, read: Callable[[Path], T]) -> T | None:
    if not path.exists():
        return None
    try:
        return read(path)
    except (OSError, EOFError, ValueError):
        path.unlink(missing_ok=True)
        return None


def mark_used(path: Path) -> None:
    """Let the file's time say when it was last used; where it cannot be changed, the time stays."""
    with suppress(OSError):
        os.utime(path)


@contextmanager
def cache_in_use(*, alone: bool = False) -> Generator[None]:
    """Keep what is in the cache until the end of the block; the lock goes when this process does.

    Args:
        alone: Nobody else may use the cache meanwhile, so that something can be removed.

    Raises:
        OutputError: The folder cannot be written; or the cache is in use, and was wanted ``alone``.
    """
    folder = cache_folder("")
    if sys.platform == "win32":
        if alone:
            raise OutputError(
                "nothing can be removed safely here: this system has no shared locks of files",
                where=str(folder),
                fix="delete the folder while nothing uses it",
            )
        yield
        return
    import fcntl

    try:
        lock = (folder / ".lock").open("a")
    except OSError as error:
        raise _cannot_write(folder, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB if alone else fcntl.LOCK_SH)
        except BlockingIOError as error:
            raise OutputError(
                "the cache is in use: nothing is removed",
                where=str(folder),
                fix="wait until every run, evaluation and sweep on it has ended, then try again",
            ) from error
        yield


def _cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the cache cannot be written: {error.strerror or error}",
        where=str(folder),
        fix="choose another folder with UPO_CACHE_DIR, or make room",
    )
