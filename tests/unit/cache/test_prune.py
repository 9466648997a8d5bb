"""What the cache holds, and what is removed from it: the oldest first, and nothing while it is used."""

from __future__ import annotations

import os
import subprocess
import sys
from time import time
from typing import TYPE_CHECKING

import pytest

from upo_sdk.cache import ContentCache, cache_folder, cache_in_use, cache_info, content_key, prune_cache, read_or_make
from upo_sdk.cache.content_cache import today
from upo_sdk.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no shared locks of files")

DAY = 86400
KEYS = [content_key(n) for n in range(300)]


@pytest.fixture
def cache(own_cache: Path) -> ContentCache:
    return ContentCache(own_cache / "cache.sqlite")


def fill(cache: ContentCache, keys: Sequence[bytes] = KEYS, kind: str = "rewards", size: int = 500) -> None:
    cache.fill(keys, lambda missing, _ranks: [{place: os.urandom(size) for place in missing}], kind=kind)


def age(cache: ContentCache, days: Mapping[bytes, int]) -> None:
    with cache.connection() as connection, connection:
        connection.executemany("UPDATE uses SET day = ? WHERE key = ?", ((today() - n, key) for key, n in days.items()))


def write(name: str, *, days: float, size: int = 1000) -> Path:
    path = cache_folder("reference") / name
    path.write_bytes(bytes(size))
    os.utime(path, (time() - days * DAY,) * 2)
    return path


def test_every_kind_of_content_is_counted_and_the_parts_add_up_to_the_files(
    cache: ContentCache, own_cache: Path
) -> None:
    fill(cache)
    fill(cache, [content_key("answer")], "answers", 4000)
    write("a.npy", days=0)
    info = cache_info()
    assert {part.name: part.count for part in info.parts} == {
        "answers": 1,
        "rewards": 300,
        "checked": 0,
        "data": 0,
        "tokens": 0,
        "reference": 1,
    }
    files = sum(path.stat().st_size for path in own_cache.rglob("*") if path.is_file())
    assert files - len(info.parts) <= info.bytes <= files  # each part is rounded down


def test_an_empty_folder_holds_nothing_and_is_left_alone(own_cache: Path) -> None:
    assert cache_info().bytes == 0
    assert not own_cache.exists()


def test_what_was_used_longer_ago_goes_and_the_rest_stays(cache: ContentCache) -> None:
    fill(cache)
    age(cache, dict.fromkeys(KEYS[:100], 40))
    old, new = write("old.npy", days=40), write("new.npy", days=20)
    pruned = prune_cache(older_than=30 * DAY)
    assert (pruned.entries, pruned.files) == (100, 1)
    assert cache.known(KEYS) == set(KEYS[100:])
    assert (old.exists(), new.exists()) == (False, True)
    assert pruned.bytes > 100 * 500
    assert pruned.left == cache_info()


def test_a_use_keeps_an_entry_and_a_file(cache: ContentCache) -> None:
    fill(cache)
    age(cache, dict.fromkeys(KEYS, 40))
    path = write("a.npy", days=40)
    fill(cache, KEYS[:10])
    read_or_make(path, lambda found: found.read_bytes(), lambda _path: None)
    assert prune_cache(older_than=30 * DAY).entries == 290
    assert cache.known(KEYS) == set(KEYS[:10])
    assert path.exists()


@pytest.mark.parametrize("max_size", [0, 60_000, 120_000])
def test_the_oldest_go_until_the_size_is_kept(cache: ContentCache, max_size: int) -> None:
    fill(cache)
    age(cache, {key: n for n, key in enumerate(KEYS)})
    file = write("a.npy", days=50, size=10_000)
    left = prune_cache(max_size=max_size).left
    assert left.bytes <= max_size
    assert left.bytes > max_size - 20_000
    known = cache.known(KEYS)
    assert known == set(KEYS[: len(known)])
    assert file.exists() == (len(known) > 50)


def test_entries_of_a_version_that_kept_no_dates_count_as_used_when_they_are_first_seen(cache: ContentCache) -> None:
    fill(cache)
    with cache.connection() as connection, connection:
        connection.execute("DELETE FROM uses")
    assert prune_cache(older_than=DAY).entries == 0
    assert cache_info().parts[0].name == "of older versions"
    age(cache, dict.fromkeys(KEYS, 2))
    assert prune_cache(older_than=DAY).entries == 300


def test_nothing_is_removed_while_another_process_uses_the_cache(cache: ContentCache) -> None:
    fill(cache)
    code = "from upo_sdk.cache import cache_in_use\nwith cache_in_use():\n    print(1, flush=True)\n    input()"
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout is not None
    other.stdout.readline()
    with pytest.raises(OutputError, match="the cache is in use"):
        prune_cache(max_size=0)
    assert cache.known(KEYS) == set(KEYS)
    other.kill()
    other.communicate()
    assert prune_cache(max_size=0).entries == 300


@pytest.mark.usefixtures("own_cache")
def test_several_may_use_the_cache_at_once() -> None:
    with cache_in_use(), cache_in_use(), pytest.raises(OutputError, match="the cache is in use"):
        prune_cache(max_size=0)


@pytest.mark.usefixtures("cache")
def test_what_a_killed_process_left_goes() -> None:
    left = write(".unfinished-0", days=0)
    assert prune_cache(older_than=DAY).bytes == 1000
    assert not left.exists()
