"""What the cache holds, and how what was not used for long is removed from it."""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from time import time
from typing import TYPE_CHECKING

from upo_sdk.cache.content_cache import SECONDS_PER_DAY, ContentCache, today
from upo_sdk.cache.files import CACHE_FILE, SCRATCH, cache_in_use, default_cache_dir

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["CacheInfo", "CachePart", "Pruned", "cache_info", "prune_cache"]

_FOLDERS = ("checked", "data", "tokens", "reference")
_VIEW = """
CREATE TEMP VIEW sized AS
SELECT key, coalesce(kind, '') AS kind, day, length(value) + 2 * length(key) + 16 AS size
FROM entries LEFT JOIN uses USING (key)
"""
"""About what an entry takes, with its row in ``uses``; the size of the file is divided in these proportions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePart:
    """One kind of content.

    Attributes:
        name: For example ``rewards``, or the folder of files.
        count: Entries, or files.
        bytes: On the disk; of entries, their share of the database.
    """

    name: str
    count: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheInfo:
    """What the cache holds."""

    folder: Path
    parts: tuple[CachePart, ...]

    @property
    def bytes(self) -> int:
        """The size of all parts together."""
        return sum(part.bytes for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed.

    Attributes:
        entries: Of the database.
        files: Of the folders.
        bytes: By how much the cache is smaller.
        left: What it holds now.
    """

    entries: int
    files: int
    bytes: int
    left: CacheInfo


def cache_info() -> CacheInfo:
    """Return what the cache holds, by kind of content.

    Raises:
        OutputError: Its database cannot be read.
    """
    folder = default_cache_dir()
    files = [*_files(folder), *_files(folder, left_behind=True)]
    sizes = {name: [path.stat().st_size for path in files if path.parent.name == name] for name in _FOLDERS}
    parts = (CachePart(name=name, count=len(own), bytes=sum(own)) for name, own in sizes.items())
    return CacheInfo(folder=folder, parts=(*_kinds(folder / CACHE_FILE), *parts))


def _kinds(path: Path) -> Iterator[CachePart]:
    if not path.exists():
        return
    with ContentCache(path).connection() as connection:
        connection.execute(_VIEW)
        found = connection.execute("SELECT kind, count(*), sum(size) FROM sized GROUP BY kind").fetchall()
    whole = sum(size for _, _, size in found)
    for kind, count, size in found:
        yield CachePart(name=kind or "of older versions", count=count, bytes=path.stat().st_size * size // whole)


def prune_cache(*, older_than: float = math.inf, max_size: float = math.inf) -> Pruned:
    """Remove what was not used for long, and then what is beyond a size, first what was used longest ago.

    The use of an entry is known by the day. One that an older version wrote counts as used when it is first seen here.

    Args:
        older_than: Seconds; what was last used longer ago goes.
        max_size: Bytes that the cache may have in the end.

    Raises:
        OutputError: The cache is in use, or cannot be written.
    """
    with cache_in_use(alone=True):
        before = cache_info()
        database = ContentCache(before.folder / CACHE_FILE)
        for path in _files(before.folder, left_behind=True):
            path.unlink()
        entries = files = 0
        while True:
            keys, paths = _unused(database, cache_info(), time() - older_than, max_size)
            if not keys and not paths:
                break
            for path in paths:
                path.unlink()
            database.remove(keys)
            entries, files = entries + len(keys), files + len(paths)
        left = cache_info()
    return Pruned(entries=entries, files=files, bytes=before.bytes - left.bytes, left=left)


def _unused(database: ContentCache, info: CacheInfo, oldest: float, max_size: float) -> tuple[list[bytes], list[Path]]:
    """Return the entries and the files to remove; what entries take is estimated, so that more may be left to do."""
    keys, paths, left = list[bytes](), list[Path](), info.bytes
    stats = ((path, path.stat()) for path in _files(info.folder))
    files = sorted((stat.st_mtime, stat.st_size, path) for path, stat in stats)
    with database.connection() as connection:
        connection.execute("INSERT OR IGNORE INTO uses SELECT key, '', ? FROM entries", (today(),))
        connection.commit()
        connection.execute(_VIEW)
        whole = connection.execute("SELECT sum(size) FROM sized").fetchone()[0]
        share = database.path.stat().st_size / whole if whole else 0.0
        query = "SELECT (day + 1) * ?, size * ?, key FROM sized ORDER BY day"
        entries = connection.execute(query, (SECONDS_PER_DAY, share))
        for used, size, what in heapq.merge(entries, files, key=itemgetter(0)):
            if used >= oldest and left <= max_size:
                break
            left -= size
            paths.append(what) if isinstance(what, Path) else keys.append(what)
    return keys, paths


def _files(folder: Path, *, left_behind: bool = False) -> list[Path]:
    """Return the files of a cache; or those that killed processes left, which are not whole."""
    found = (path for name in _FOLDERS for path in (folder / name).glob("*") if path.is_file())
    return [path for path in found if path.name.startswith((SCRATCH, "tmp")) == left_behind]
