"""Bytes by content key in one SQLite file, and the loop that computes those which are missing."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from array import array
from contextlib import closing, contextmanager
from dataclasses import dataclass
from time import time
from typing import TYPE_CHECKING, Any

from upo_sdk.errors import OutputError
from upo_sdk.ranks import Ranks

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from upo_sdk.arrays import BoolArray, KeyArray

__all__ = ["SECONDS_PER_DAY", "ContentCache", "Filled", "content_key", "raw_keys", "today"]

SECONDS_PER_DAY = 86400

_LOOKUP_SIZE = 500
_PART = 8000
_TABLES = """
CREATE TABLE IF NOT EXISTS entries (key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uses (key BLOB PRIMARY KEY, kind TEXT NOT NULL, day INTEGER NOT NULL) WITHOUT ROWID;
"""
"""``uses`` is a separate table, so that versions which know ``entries`` alone can share the file."""
_USED = (
    "INSERT INTO uses VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET kind = excluded.kind, day = excluded.day "
    "WHERE day < excluded.day"
)


def today() -> int:
    """Return the day, UTC, as a number."""
    return int(time() // SECONDS_PER_DAY)


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
        ranks: The processes that fill it together, each on its own machine or not.

    Raises:
        OutputError: The file cannot be created, is not a cache or is damaged; later calls raise it too.
    """

    def __init__(self, path: Path, ranks: Ranks = Ranks()) -> None:  # noqa: B008 - frozen
        self.path, self.ranks = path, ranks
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with self.connection() as connection, connection:
                connection.execute("BEGIN IMMEDIATE")  # waits its turn, where creating a table alone would give up
                for table in _TABLES.split(";"):
                    connection.execute(table)
        except OSError as error:
            raise self._unusable(error) from error

    def get(self, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return the values of those keys that are known."""
        return dict(self._select("key, value", keys))

    def known(self, keys: Iterable[bytes]) -> set[bytes]:
        """Return those keys that are known."""
        return {key for (key,) in self._select("key", keys)}

    def put(self, values: Mapping[bytes, bytes], kind: str = "") -> None:
        """Store values in one transaction, with what they are; a key that is already known keeps its value."""
        with self.connection() as connection, connection:
            connection.executemany("INSERT OR IGNORE INTO entries VALUES (?, ?)", values.items())
            connection.executemany(_USED, ((key, kind, today()) for key in values))

    def fill(
        self,
        keys: Sequence[bytes] | KeyArray,
        compute: Callable[[Sequence[int], Ranks], Iterable[Mapping[int, bytes | None]]],
        on_progress: Callable[[int, int], None] = lambda _done, _total: None,
        *,
        kind: str = "",
    ) -> Filled:
        """Compute the values of those keys that are not known, and store every part as soon as it is finished.

        A kill, or an error of ``compute``, loses the part under way and nothing else. Values are not held in memory:
        :meth:`get` returns them. Several processes that call it with equal keys compute a share each, and have all
        values afterwards; where one fails, all raise its error.

        Args:
            keys: One per item, of 32 bytes; items with equal keys are computed once.
            compute: Receives the positions of the items to compute, the first of each key, in order, and the processes
                that share them. Yields the finished parts of this one's share, in whatever order: values by position.
                None is not stored, and is computed again next time.
            on_progress: Called with the distinct keys done and their total, first with those that are known.
            kind: What the values are, for those who look after the cache.
        """
        import numpy as np

        keys_N = np.asarray(keys, dtype="S32")
        first_M = np.sort(np.unique(keys_N, return_index=True)[1])
        known_M = np.any(self.ranks.gather(self._known(keys_N[first_M], kind)), axis=0)
        missing = array("q", first_M[~known_M].astype(np.int64).tobytes())  # a fifth of a list
        total = len(first_M)
        found = done = total - len(missing)
        with self.ranks.together() as count:
            on_progress(found, total)
            for part in compute(missing, self.ranks) if missing else ():
                of_part = zip(raw_keys(keys_N[list(part)]), part.values(), strict=True)
                self.put({key: value for key, value in of_part if value is not None}, kind)
                done = found + count(len(part))
                on_progress(done, total)
        self._exchange(keys_N[first_M], kind)
        computed = count(0)
        if found + computed > done:  # others finished after this process
            on_progress(found + computed, total)
        return Filled(found, computed)

    def _known(self, keys_M: KeyArray, kind: str | None = None) -> BoolArray:
        """Return which keys are known, and mark those used if it is said as what; looked up in parts, to hold few."""
        import numpy as np

        known_M = np.zeros(len(keys_M), dtype=bool)
        for start in range(0, len(keys_M), _PART):
            keys = raw_keys(keys_M[start : start + _PART])
            known = self.known(keys)
            if known and kind is not None:
                self._mark_used(known, kind)
            known_M[start : start + len(keys)] = [key in known for key in keys]
        return known_M

    def _exchange(self, keys_M: KeyArray, kind: str) -> None:
        """Give every process the values that it lacks, from the first that has them; with one file, none lacks any."""
        import numpy as np

        if self.ranks.count == 1:
            return
        for start in range(0, len(keys_M), _PART):
            part_M = keys_M[start : start + _PART]
            known_RM = np.stack(self.ranks.gather(self._known(part_M)))
            given_M = known_RM.any(axis=0) & ~known_RM.all(axis=0)
            if not given_M.any():
                continue
            mine_M = given_M & (known_RM.argmax(axis=0) == self.ranks.index)
            for values in self.ranks.gather(self.get(raw_keys(part_M[mine_M]))):
                self.put(values, kind)

    def remove(self, keys: Sequence[bytes]) -> None:
        """Remove entries and give their space back to the disk."""
        with self.connection() as connection:
            for table in ("entries", "uses"):
                connection.executemany(f"DELETE FROM {table} WHERE key = ?", ((key,) for key in keys))  # noqa: S608 - one of two names
            connection.commit()
            connection.execute("VACUUM")

    def _mark_used(self, keys: Iterable[bytes], kind: str) -> None:
        with self.connection() as connection, connection:
            connection.executemany(_USED, ((key, kind, today()) for key in keys))

    def _select(self, columns: str, keys: Iterable[bytes]) -> Iterator[Any]:
        wanted = list(dict.fromkeys(keys))
        with self.connection() as connection:
            for start in range(0, len(wanted), _LOOKUP_SIZE):
                part = wanted[start : start + _LOOKUP_SIZE]
                marks = ",".join("?" * len(part))
                query = f"SELECT {columns} FROM entries WHERE key IN ({marks})"  # noqa: S608 - only question marks
                yield from connection.execute(query, part)

    @contextmanager
    def connection(self) -> Generator[sqlite3.Connection]:
        """Open the file; what goes wrong with it is an ``OutputError``."""
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


def content_key(*parts: Any) -> bytes:
    """Return the SHA-256 of values that JSON can write; equal content gives an equal key in every process."""
    written = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(written.encode("utf-8", "surrogatepass")).digest()


def raw_keys(keys_N: KeyArray) -> list[bytes]:
    """Return the keys in an array, whole: numpy drops zeros at the end."""
    return [key.ljust(32, b"\0") for key in keys_N.tolist()]
