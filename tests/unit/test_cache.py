"""The content cache: whole batches, one key per content, many processes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.cache import ContentCache, cache_folder, content_key, scratch_file
from upo_sdk.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path


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
