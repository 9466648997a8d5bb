"""Content-addressed storage: what was computed once for a content is never computed again."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import uuid4

from upo_sdk.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence

    from upo_sdk.arrays import IntArray, KeyArray

__all__ = [
    "ContentCache",
    "Filled",
    "cache_folder",
    "content_key",
    "default_cache_dir",
    "raw_keys",
    "read_or_make",
    "scratch_file",
]

_LOOKUP_SIZE = 500
_PART = 8000

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
        path = folder / f".unfinished-{uuid4().hex}"
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise _cannot_write(folder, error) from error


def read_or_make(path: Path, read: Callable[[Path], T], make: Callable[[Path], object]) -> T:
    """Return what ``read`` finds in a file of the cache; one that is missing, cut off or damaged is made first.

    Args:
        path: The file.
        read: Raises ``OSError``, ``EOFError`` or ``ValueError`` for a file that is not whole.
        make: Writes the file.
    """
    if path.exists():
        try:
            return read(path)
        except (OSError, EOFError, ValueError):
            path.unlink(missing_ok=True)
    make(path)
    return read(path)


def _cannot_write(folder: Path, error: OSError) -> OutputError:
    return OutputError(
        f"the cache cannot be written: {error.strerror or error}",
        where=str(folder),
        fix="choose another folder with UPO_CACHE_DIR, or make room",
    )


def content_key(*parts: Any) -> bytes:
    """Return the SHA-256 of values that JSON can write; equal content gives an equal key in every process."""
    written = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).digest()


def raw_keys(keys_N: KeyArray) -> list[bytes]:
    """Return the keys in an array, whole: numpy drops zeros at the end."""
    return [key.ljust(32, b"\0") for key in keys_N.tolist()]


@dataclass(frozen=True, slots=True)
class Filled:
    """How many distinct keys had a value, and how many were computed."""

    found: int = 0
    computed: int = 0

    def __add__(self, other: Filled) -> Filled:
        return Filled(self.found + other.found, self.computed + other.computed)


class ContentCache:
    """Bytes by content key, in one SQLite file that several processes may share.

    Every ``put`` is one transaction: after a kill the file holds whole batches and nothing half-written.

    Args:
        path: The database file; its folder is created.

    Raises:
        OutputError: The file cannot be created, is not a cache or is damaged; later calls raise it too.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self._connection() as connection, connection:
                connection.execute("BEGIN IMMEDIATE")  # waits its turn, where creating a table alone would give up
                connection.execute(
                    "CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID"
                )
        except OSError as error:
            raise self._unusable(error) from error

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are known."""
        return dict(self._select("key, value", keys))

    def known(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return those keys that are known."""
        return {key for (key,) in self._select("key", keys)}

    def put(self, values: Mapping[bytes, bytes]) -> None:
        """Store values in one transaction; a key that is already known keeps its value."""
        with self._connection() as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?)", values.items())

    def fill(
        self,
        keys: Sequence[bytes] | KeyArray,
        compute: Callable[[list[int]], Iterable[Mapping[int, bytes | None]]],
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> Filled:
        """Compute the values of those keys that are not known, and store every part as soon as it is finished.

        A kill, or an error of ``compute``, loses the part under way and nothing else. Values are not held in memory:
        :meth:`get` returns them.

        Args:
            keys: One per item, of 32 bytes; items with equal keys are computed once.
            compute: Receives the positions of the items to compute, the first of each key, in order. Yields finished
                parts, in whatever order: values by position. None is not stored, and is computed again next time.
            on_progress: Called with the distinct keys done and their total, first with those that are known.
        """
        import numpy as np

        keys_N = np.asarray(keys, dtype="S32")
        first_M = np.sort(np.unique(keys_N, return_index=True)[1])
        missing = self._missing(keys_N, first_M)
        total = len(first_M)
        found = done = total - len(missing)
        on_progress(done, total)
        for part in compute(missing) if missing else ():
            of_part = zip(raw_keys(keys_N[list(part)]), part.values(), strict=True)
            self.put({key: value for key, value in of_part if value is not None})
            done += len(part)
            on_progress(done, total)
        return Filled(found, done - found)

    def _missing(self, keys_N: KeyArray, positions_M: IntArray) -> list[int]:
        """Return those positions whose key is not known; they are looked up in parts, to hold few keys at a time."""
        missing = list[int]()
        for start in range(0, len(positions_M), _PART):
            part_M = positions_M[start : start + _PART]
            keys = raw_keys(keys_N[part_M])
            known = self.known(keys)
            missing += [position for position, key in zip(part_M.tolist(), keys, strict=True) if key not in known]
        return missing

    def _select(self, columns: str, keys: Iterable[bytes]) -> Iterator[Any]:
        wanted = list(dict.fromkeys(keys))
        with self._connection() as connection:
            for start in range(0, len(wanted), _LOOKUP_SIZE):
                part = wanted[start : start + _LOOKUP_SIZE]
                marks = ",".join("?" * len(part))
                query = f"SELECT {columns} FROM entries WHERE key IN ({marks})"  # noqa: S608 - only question marks
                yield from connection.execute(query, part)

    @contextmanager
    def _connection(self) -> Generator[sqlite3.Connection]:
        try:
            with closing(sqlite3.connect(self.path, timeout=60, isolation_level="IMMEDIATE")) as connection:
                yield connection
        except sqlite3.Error as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> OutputError:
        return OutputError(
            f"the cache cannot be used: {error}",
            where=str(self.path),
            fix="choose another folder with UPO_CACHE_DIR, or delete this file: it only saves time",
        )
