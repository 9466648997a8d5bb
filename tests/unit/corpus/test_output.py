"""The output: the suffix chooses the format, and the file is there whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from upo_sdk import ScoreConfig
from upo_sdk.corpus import output as module
from upo_sdk.corpus import score
from upo_sdk.errors import DataError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [{"prompt": f"q{n}", "completion": "one two three four", "id": n, "more": {"x": n}} for n in range(3)]


def scored(data: Path, output: Path, **settings: Any) -> Path:
    score(ScoreConfig(data=str(data), objectives=["length,target=4"], output=output, **settings))
    return output


def files(folder: Path) -> set[str]:
    return {item.name for item in folder.iterdir()} - {"cache"}


def test_a_parquet_output_has_the_rows_and_the_rewards(corpus: Callable[..., Path], tmp_path: Path) -> None:
    rows = [*ROWS, {**ROWS[0], "id": None, "late": 1.5}]
    table = parquet.read_table(scored(corpus(rows), tmp_path / "out.parquet"))
    missing = {"late": None}
    assert table.to_pylist() == [{**missing, **row, "reward/length": 1.0} for row in rows]
    assert table.schema.field("reward/length").type == pa.float64()


def test_pairs_in_a_parquet_output_have_a_list_of_two_numbers(corpus: Callable[..., Path], tmp_path: Path) -> None:
    path = corpus([{"prompt": "q", "chosen": "one two three four", "rejected": "no"}])
    (row,) = parquet.read_table(scored(path, tmp_path / "out.parquet")).to_pylist()
    assert row["reward/length"][0] == 1 > row["reward/length"][1]


def test_a_parquet_source_keeps_the_types_of_its_columns(tmp_path: Path) -> None:
    source = tmp_path / "in.parquet"
    kinds = {"prompt": pa.large_string(), "completion": pa.string(), "id": pa.int8(), "at": pa.timestamp("ms")}
    row = {"prompt": "q", "completion": "one", "id": 1, "at": 0}
    parquet.write_table(pa.Table.from_pylist([row], pa.schema(kinds)), source)
    found = parquet.read_schema(scored(source, tmp_path / "out.parquet"))
    assert dict(zip(found.names, found.types, strict=True)) == {**kinds, "reward/length": pa.float64()}


def test_all_shards_of_a_parquet_output_have_the_same_types(corpus: Callable[..., Path], tmp_path: Path) -> None:
    path = corpus([{**ROWS[0], "id": None}, {**ROWS[1], "late": 1}])
    parts = [parquet.read_schema(scored(path, tmp_path / f"{n}.parquet", shard=f"{n}/2")) for n in (1, 2)]
    assert parts[0] == parts[1]


def test_rows_that_parquet_cannot_hold_are_refused_before_they_are_scored(
    corpus: Callable[..., Path], tmp_path: Path
) -> None:
    path = corpus([{**ROWS[0], "id": "text"}, ROWS[1]])
    with pytest.raises(DataError, match="a Parquet file cannot hold these rows") as caught:
        scored(path, tmp_path / "out.parquet")
    assert "`output=scored.jsonl`" in str(caught.value.fix)
    assert files(tmp_path) == {"corpus.jsonl"}
    assert len(scored(path, tmp_path / "out.jsonl").read_text().splitlines()) == 2


def test_what_utf_8_cannot_hold_is_written_as_an_escape(corpus: Callable[..., Path], tmp_path: Path) -> None:
    row = {**ROWS[0], "cut": "\ud83d", "whole": "ü"}
    text = scored(corpus([row]), tmp_path / "out.jsonl").read_text(encoding="utf-8")
    assert json.loads(text) == {**row, "reward/length": 1.0}


def test_an_output_that_exists_is_replaced_only_if_that_is_asked_for(
    corpus: Callable[..., Path], tmp_path: Path
) -> None:
    path, output = corpus(ROWS), tmp_path / "out.jsonl"
    output.write_text("old")
    with pytest.raises(OutputError, match="the output exists") as caught:
        scored(path, output)
    assert "`overwrite_output=true`" in str(caught.value.fix)
    assert output.read_text() == "old"
    assert len(scored(path, output, overwrite_output=True).read_text().splitlines()) == 3


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("corpus.jsonl", "the output is the corpus itself"),
        ("scored.csv", "the format of the output is unknown"),
        ("file/scored.jsonl", "the output path is a file, not a folder"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused(
    corpus: Callable[..., Path], tmp_path: Path, name: str, what: str
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match=what):
        scored(corpus(ROWS), tmp_path / name, overwrite_output=True)


def test_an_output_that_appears_meanwhile_stays_and_nothing_half_written_is_left(
    corpus: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, output, read = corpus(ROWS), tmp_path / "out.jsonl", module.read_source

    def slow(*arguments: Any) -> Any:
        output.write_text("another")
        return read(*arguments)

    monkeypatch.setattr("upo_sdk.corpus.score_corpus.read_source", slow)
    with pytest.raises(OutputError, match="the output exists"):
        scored(path, output)
    assert output.read_text() == "another"
    assert files(tmp_path) == {"corpus.jsonl", "out.jsonl"}


def test_data_that_lost_rows_meanwhile_is_an_error_and_nothing_is_written(
    corpus: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = corpus(ROWS), module.read_source

    def cut(*arguments: Any) -> Any:
        corpus(ROWS[:1])
        return read(*arguments)

    monkeypatch.setattr("upo_sdk.corpus.score_corpus.read_source", cut)
    with pytest.raises(DataError, match="the data changed while it was scored"):
        scored(path, tmp_path / "out.jsonl")
    assert files(tmp_path) == {"corpus.jsonl"}
