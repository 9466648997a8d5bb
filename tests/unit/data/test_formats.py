"""Dataset shapes that plugins bring."""

from __future__ import annotations

import json
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest

from upo_sdk.config.sections import DataConfig
from upo_sdk.data import PreferenceData, load_preference_data
from upo_sdk.errors import DataError
from upo_sdk.plugin import DatasetFormatSpec

if TYPE_CHECKING:
    from pathlib import Path

SPEC = DatasetFormatSpec(name="votes", columns=frozenset({"q", "answers"}), target="votes_format:convert")
CODE = """
    def convert(row):
        best, worst = sorted(row["answers"], key=lambda answer: -answer["votes"])
        return {"prompt": row["q"], "chosen": best["text"], "rejected": worst["text"]}
"""
GOOD = {"q": "Why?", "answers": [{"text": "no", "votes": 1}, {"text": "yes", "votes": 5}]}


@pytest.fixture
def votes_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "votes_format.py").write_text(dedent(CODE), encoding="utf-8")
    return tmp_path / "votes.jsonl"


def load(path: Path, rows: list[object], wanted: str | None = None) -> PreferenceData:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load_preference_data(DataConfig(path=str(path), format=wanted), formats=[SPEC])


@pytest.mark.parametrize("wanted", [None, "votes"])
def test_a_plugins_format_is_found_by_its_columns_or_its_name(votes_file: Path, wanted: str | None) -> None:
    data = load(votes_file, [GOOD], wanted)
    assert data.train["responses"][:] == [["yes", "no"]]


def test_rows_that_the_plugin_cannot_convert_are_counted_with_their_number(votes_file: Path) -> None:
    with pytest.raises(DataError, match=r"1 of 2 rows is bad: row 2: made the format 'votes' raise KeyError"):
        load(votes_file, [GOOD, {"q": "x", "answers": [{"text": "a"}, {"text": "b"}]}])


def test_an_unknown_format_gets_a_suggestion(votes_file: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(votes_file, [GOOD], "vote")
    assert "did you mean 'votes'" in (caught.value.fix or "")
