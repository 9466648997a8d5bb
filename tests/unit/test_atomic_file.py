"""A file is there whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_sdk.atomic_file import write_atomically

if TYPE_CHECKING:
    from pathlib import Path


def test_a_reader_finds_the_old_text_until_the_new_one_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "state.json"
    write_atomically(target, "old")
    seen = list[str]()
    replace = type(target).replace

    def look_then_replace(beside: Path, place: Path) -> Path:
        seen.extend((beside.read_text(encoding="utf-8"), place.read_text(encoding="utf-8")))
        return replace(beside, place)

    monkeypatch.setattr(type(target), "replace", look_then_replace)
    write_atomically(target, "new")
    assert seen == ["new", "old"]
    assert target.read_text(encoding="utf-8") == "new"


def test_a_text_that_cannot_be_written_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    write_atomically(target, "old")
    with pytest.raises(UnicodeEncodeError):
        write_atomically(target, "half a surrogate pair \ud800")
    assert target.read_text(encoding="utf-8") == "old"
