"""A source that did not change is not checked again, and gives what a fresh check gives."""

from __future__ import annotations

import json
import os
from textwrap import dedent
from time import time
from typing import TYPE_CHECKING, Any

import datasets
import pytest

from upo_sdk.cache import cache_info
from upo_sdk.config.sections import DataConfig
from upo_sdk.data import load_preference_data, remembered
from upo_sdk.plugin import DatasetFormatSpec

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.data import PreferenceData

PAIRS: list[dict[str, Any]] = [
    {"prompt": f"{number} plus one? ", "chosen": str(number + 1), "rejected": "no", "note": number or None}
    for number in range(30)
]
BAD = {"prompt": "x", "chosen": " ", "rejected": "no"}
TALKS = [
    {"prompt": row["prompt"], "system": "Count.", **{
        side: [{"role": "user", "content": f"Other: {row['prompt']}"}, {"role": "assistant", "content": row[side]}]
        for side in ("chosen", "rejected")
    }}
    for row in PAIRS
]  # fmt: skip


class Reads:
    """Counts how often a source is checked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        check = remembered.check_rows

        def counted(*arguments: Any, **settings: Any) -> Any:
            self.count += 1
            return check(*arguments, **settings)

        monkeypatch.setattr(remembered, "check_rows", counted)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "pairs.jsonl", PAIRS)


def write(path: Path, rows: list[Any], *, seconds_ago: float = 60) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    set_time(path, seconds_ago)
    return path


def set_time(path: Path, seconds_ago: float) -> None:
    changed = time() - seconds_ago
    os.utime(path, (changed, changed))


def load(path: Path, **settings: Any) -> PreferenceData:
    return load_preference_data(DataConfig(path=str(path), **settings))


def content(data: PreferenceData) -> dict[str, Any]:
    parts = {name: part and part[:] for name, part in (("train", data.train), ("eval", data.eval))}
    return {**vars(data), **parts, "source": data.train.info.description}


@pytest.mark.parametrize(
    ("rows", "settings"),
    [
        (PAIRS, {}),
        ([*PAIRS, BAD, PAIRS[0]], {"on_bad_rows": "drop"}),
        (TALKS, {"eval_fraction": 0.2}),
        ([{"prompt": "x", "completion": row["chosen"], "label": True, "margin": 2} for row in PAIRS], {}),
    ],
    ids=["pairs", "bad rows", "conversations", "completions"],
)
def test_what_is_remembered_is_what_a_fresh_check_finds(
    tmp_path: Path, reads: Reads, rows: list[Any], settings: dict[str, Any]
) -> None:
    path = write(tmp_path / "rows.jsonl", rows)
    fresh, again = (content(load(path, **settings)) for _ in range(2))
    assert reads.count == 1
    assert again == fresh
    assert again["bad_rows"] == fresh["bad_rows"]
    assert all(type(ours) is type(theirs) for ours, theirs in zip(again.values(), fresh.values(), strict=True))


def test_a_folder_is_remembered_too(tmp_path: Path, reads: Reads) -> None:
    datasets.Dataset.from_list(PAIRS).save_to_disk(str(tmp_path / "saved"))
    for file in (tmp_path / "saved").iterdir():
        set_time(file, 60)
    assert load(tmp_path / "saved").fingerprint == load(tmp_path / "saved").fingerprint
    assert reads.count == 1


@pytest.mark.parametrize("seconds_ago", [60, 61], ids=["of the same time", "of another time"])
def test_a_change_of_the_same_size_is_seen(source: Path, reads: Reads, seconds_ago: float) -> None:
    load(source)
    changed = [{**PAIRS[0], "rejected": "NO"}, *PAIRS[1:]]
    before = source.stat()
    write(source, changed, seconds_ago=seconds_ago)
    if seconds_ago == 60:
        os.utime(source, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert source.stat().st_size == before.st_size
    assert load(source).train[0]["responses"] == ["1", "NO"]
    assert reads.count == 2


def test_a_file_that_was_touched_is_checked_again(source: Path, reads: Reads) -> None:
    load(source)
    set_time(source, 30)
    load(source)
    assert reads.count == 2


def test_a_file_that_changed_just_now_is_not_remembered(tmp_path: Path, reads: Reads) -> None:
    path = write(tmp_path / "pairs.jsonl", PAIRS, seconds_ago=0)
    load(path)
    load(path)
    assert reads.count == 2


@pytest.mark.parametrize(
    "settings", [{"max_rows": 9}, {"columns": {"chosen": "rejected", "rejected": "chosen"}}, {"format": "pairs"}]
)
def test_other_settings_are_another_check(source: Path, reads: Reads, settings: dict[str, Any]) -> None:
    load(source)
    load(source, **settings)
    assert reads.count == 2


@pytest.mark.parametrize("damage", ["checked: cut", "checked: emptied", "data: cut", "data: zeros", "data: gone"])
def test_a_damaged_entry_is_made_anew(source: Path, own_cache: Path, reads: Reads, damage: str) -> None:
    folder, _, how = damage.partition(": ")
    fresh = content(load(source))
    (entry,) = (own_cache / folder).iterdir()
    kept = entry.read_bytes()
    left = {"cut": kept[: len(kept) // 2], "emptied": b"{}", "zeros": bytes(len(kept)), "gone": None}[how]
    entry.unlink() if left is None else entry.write_bytes(left)
    assert content(load(source)) == fresh
    assert reads.count == 2
    assert content(load(source)) == fresh
    assert reads.count == 2


def test_rows_that_a_plugin_converts_are_always_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: Reads
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    code = """
        def convert(row):
            return {**row, "prompt": row["ask"]}
    """
    (tmp_path / "asked_format.py").write_text(dedent(code), encoding="utf-8")
    spec = DatasetFormatSpec(name="asked", columns=frozenset({"ask"}), target="asked_format:convert")
    path = write(tmp_path / "rows.jsonl", [{"ask": "Why? ", "chosen": "so", "rejected": "no"}])
    for _ in range(2):
        load_preference_data(DataConfig(path=str(path)), formats=[spec])
    assert reads.count == 2


def test_what_is_remembered_is_counted_with_the_cache(source: Path) -> None:
    load(source)
    assert {part.name: part.count for part in cache_info().parts if part.count} == {"checked": 1, "data": 1}
