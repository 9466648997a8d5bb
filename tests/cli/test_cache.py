from __future__ import annotations

import os
from time import time
from typing import TYPE_CHECKING

import pytest

from upo_sdk.cache import ContentCache, cache_in_use, content_key

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Upo


@pytest.fixture
def old_file(tmp_path: Path) -> Path:
    cache = ContentCache(tmp_path / "cache" / "cache.sqlite")
    cache.put({content_key(n): b"reward" for n in range(3)}, "rewards")
    path = tmp_path / "cache" / "reference" / "a.npy"
    path.parent.mkdir()
    path.write_bytes(bytes(2000))
    os.utime(path, (time() - 40 * 86400,) * 2)
    return path


@pytest.mark.usefixtures("old_file")
def test_info_shows_the_folder_and_each_part(upo: Upo, tmp_path: Path) -> None:
    shown = upo("cache", "info")
    assert shown.code == 0, shown.err
    assert str(tmp_path / "cache") in shown.out
    assert "2.0 kB" in shown.out
    parts = {part["name"]: part for part in upo("cache", "info", "--json").data["parts"]}
    assert parts["rewards"]["count"] == 3
    assert parts["reference"] == {"name": "reference", "count": 1, "bytes": 2000}


@pytest.mark.parametrize("arguments", [("--older-than", "30d"), ("--older_than=30",), ("--max-size", "13kB")])
def test_prune_removes_the_oldest(upo: Upo, old_file: Path, arguments: tuple[str, ...]) -> None:
    done = upo("cache", "prune", *arguments)
    assert done.code == 0, done.err
    assert "removed 0 entries and 1 files: 2.0 kB freed" in done.out
    assert not old_file.exists()


@pytest.mark.usefixtures("old_file")
def test_prune_says_in_json_what_it_freed(upo: Upo) -> None:
    data = upo("cache", "prune", "--max-size", "0B", "--json").data
    assert (data["entries"], data["files"]) == (3, 1)
    assert data["freed_bytes"] > 2000
    assert data["left"]["bytes"] == 0


def test_prune_wants_to_be_told_what(upo: Upo, old_file: Path) -> None:
    ended = upo("cache", "prune")
    assert ended.code == 2
    assert "--older-than 30d" in ended.err
    assert old_file.exists()


@pytest.mark.parametrize(
    "arguments", [("--older-than", "soon"), ("--max-size", "2 parsecs"), ("--max-size", "-1GB"), ("--older-than", "")]
)
def test_a_limit_that_cannot_be_read_is_named(upo: Upo, old_file: Path, arguments: tuple[str, str]) -> None:
    ended = upo("cache", "prune", *arguments)
    assert ended.code == 2
    assert arguments[0] in ended.err
    assert old_file.exists()


def test_a_cache_in_use_is_left_alone(upo: Upo, old_file: Path) -> None:
    with cache_in_use():
        ended = upo("cache", "prune", "--max-size", "0B")
    assert ended.code == 2
    assert "the cache is in use" in ended.err
    assert old_file.exists()
