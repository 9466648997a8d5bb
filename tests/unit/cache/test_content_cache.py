"""The content cache: whole batches, one key per content, many processes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.cache import ContentCache, Filled, cache_folder, content_key, scratch_file
from upo_sdk.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from upo_sdk.ranks import Ranks


def test_what_is_put_is_found_and_the_first_value_stays(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "deep" / "cache.sqlite")
    keys = [content_key(n) for n in range(1200)]
    cache.put({key: bytes([n % 256]) for n, key in enumerate(keys)})
    cache.put({keys[0]: b"other"})
    found = cache.get([*keys, content_key("unknown")])
    assert len(found) == 1200
    assert found[keys[0]] == b"\x00"


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.text())
def test_the_key_depends_on_the_content_and_not_on_the_order_of_a_mapping(
    mapping: dict[str, object], text: str
) -> None:
    backwards = dict(reversed(mapping.items()))
    assert content_key(mapping, text) == content_key(backwards, text)
    assert content_key(mapping, text) != content_key(mapping, text + "x")


def test_a_file_that_is_no_cache_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 30)
    with pytest.raises(OutputError) as caught:
        ContentCache(tmp_path / "cache.sqlite")
    assert "UPO_CACHE_DIR" in (caught.value.fix or "")


def test_processes_that_start_at_once_share_a_new_cache(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from upo_sdk.cache import ContentCache, content_key
for n in range(20):
    cache = ContentCache(Path(sys.argv[1]) / f"{n}.sqlite")
    cache.put({content_key(n, sys.argv[2]): b"x"})
"""
    running = [subprocess.Popen([sys.executable, "-c", code, str(tmp_path), str(rank)]) for rank in range(4)]
    assert [process.wait(timeout=300) for process in running] == [0, 0, 0, 0]
    assert all(
        len(ContentCache(tmp_path / f"{n}.sqlite").get(content_key(n, str(r)) for r in range(4))) == 4
        for n in range(20)
    )


def test_only_the_known_keys_are_known(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache.sqlite")
    cache.put({content_key(1): b"x"})
    assert cache.known([content_key(1), content_key(2)]) == {content_key(1)}


def test_a_file_that_is_not_finished_is_removed(tmp_path: Path) -> None:
    with scratch_file(tmp_path) as unfinished:
        unfinished.write_text("half")
    assert not list(tmp_path.iterdir())
    with scratch_file(tmp_path) as unfinished:
        unfinished.write_text("whole")
        unfinished.rename(tmp_path / "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["whole"]


def test_a_cache_folder_that_cannot_be_made_is_one_clear_error(own_cache: Path) -> None:
    own_cache.write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="cannot be written"):
        cache_folder("data")


def test_a_cache_that_is_damaged_later_is_one_clear_error(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache.sqlite")
    cache.put({content_key(1): b"x"})
    (tmp_path / "cache.sqlite").write_bytes(b"not a database, but long enough to be looked at" * 30)
    for use in (lambda: cache.get([content_key(1)]), lambda: cache.put({content_key(2): b"y"})):
        with pytest.raises(OutputError, match="the cache cannot be used"):
            use()


def one_by_one(missing: Sequence[int]) -> Iterator[dict[int, bytes | None]]:
    for position in reversed(missing):
        yield {position: bytes([position])}


def test_fill_computes_each_missing_key_once_and_counts_from_what_is_known(tmp_path: Path) -> None:
    cache, asked, progress = ContentCache(tmp_path / "cache.sqlite"), list[list[int]](), list[tuple[int, int]]()
    keys = [content_key(name) for name in "abcbad"]
    cache.put({keys[2]: b"known"})

    def compute(missing: Sequence[int], _ranks: Ranks) -> Iterator[dict[int, bytes | None]]:
        asked.append(list(missing))
        return one_by_one(missing)

    assert cache.fill(keys, compute, lambda done, total: progress.append((done, total))) == Filled(1, 3)
    assert asked == [[0, 1, 5]]
    assert progress == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [cache.get(keys)[key] for key in keys] == [b"\0", b"\1", b"known", b"\1", b"\0", b"\5"]
    assert cache.fill(keys, compute) == Filled(4, 0)
    assert len(asked) == 1


def test_a_part_is_stored_before_the_next_one_is_computed_and_stays_if_that_fails(tmp_path: Path) -> None:
    cache, keys = ContentCache(tmp_path / "cache.sqlite"), [content_key(n) for n in range(3)]

    def fails(_missing: Sequence[int], _ranks: Ranks) -> Iterator[dict[int, bytes | None]]:
        yield {2: b"c"}
        assert cache.known(keys) == {keys[2]}
        yield {0: b"a"}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        cache.fill(keys, fails)
    assert cache.get(keys) == {keys[2]: b"c", keys[0]: b"a"}


def test_what_has_no_value_counts_as_done_and_is_computed_again_next_time(tmp_path: Path) -> None:
    cache, keys = ContentCache(tmp_path / "cache.sqlite"), [content_key(n) for n in range(2)]
    assert cache.fill(keys, lambda _missing, _ranks: [{0: None, 1: b"b"}]) == Filled(0, 2)
    assert cache.fill(keys, lambda missing, _ranks: [dict.fromkeys(missing, b"a")]) == Filled(1, 1)
    assert cache.get(keys) == {keys[0]: b"a", keys[1]: b"b"}
