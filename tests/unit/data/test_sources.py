from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest
from datasets import Dataset, DatasetDict
from datasets.utils import are_progress_bars_disabled

from upo_sdk.config.sections import DataConfig
from upo_sdk.data import load_preference_data

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.data import PreferenceData

ROWS = [
    {"prompt": "What is 1 + 1?", "chosen": "Two, «of course»", "rejected": 'Three,\n"maybe"'},
    {"prompt": "Où?", "chosen": "Là 🙂", "rejected": "Ici"},
]


def write_jsonl(path: Path) -> None:
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS), encoding="utf-8")


def write_jsonl_with_byte_order_mark(path: Path) -> None:
    path.write_text("\r\n".join(map(json.dumps, ROWS)), encoding="utf-8-sig")


def write_jsonl_gz(path: Path) -> None:
    path.write_bytes(gzip.compress("\n\n".join(map(json.dumps, ROWS)).encode()))


def write_json(path: Path) -> None:
    path.write_text(json.dumps(ROWS, indent=2), encoding="utf-8-sig")


def write_csv(path: Path) -> None:
    lines = [",".join('"' + text.replace('"', '""') + '"' for text in row.values()) for row in ROWS]
    path.write_text("\ufeffprompt,chosen,rejected\n" + "\n".join(lines) + "\n", encoding="utf-8")


def write_parquet(path: Path) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    parquet.write_table(pa.Table.from_pylist(ROWS), path)


def write_folder(path: Path) -> None:
    Dataset.from_list(ROWS).save_to_disk(path)


def write_folder_of_splits(path: Path) -> None:
    DatasetDict(train=Dataset.from_list(ROWS), test=Dataset.from_list(ROWS[:1])).save_to_disk(path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("data.jsonl", write_jsonl),
        ("bom.jsonl", write_jsonl_with_byte_order_mark),
        ("data.jsonl.gz", write_jsonl_gz),
        ("data.json", write_json),
        ("lines.json", write_jsonl),
        ("data.csv", write_csv),
        ("data.parquet", write_parquet),
        ("folder", write_folder),
        ("splits", write_folder_of_splits),
    ],
)
def test_every_source_gives_the_same_rows(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    capfd.readouterr()
    data = load_preference_data(DataConfig(path=str(tmp_path / name)))
    assert data.train["prompt"][:] == [row["prompt"] for row in ROWS]
    assert data.train["responses"][:] == [[row["chosen"], row["rejected"]] for row in ROWS]
    assert data.description == f"2 pairs (standard, explicit prompt) from {name}"
    assert capfd.readouterr() == ("", "")
    assert not are_progress_bars_disabled()


def test_the_row_number_of_json_lines_is_the_line(tmp_path: Path) -> None:
    write_jsonl_gz(tmp_path / "data.jsonl.gz")
    data = load_preference_data(DataConfig(path=str(tmp_path / "data.jsonl.gz")))
    assert data.train["row"][:] == [1, 3]


def test_labels_of_a_csv_file_are_words(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("prompt,completion,label\np,a,true\np,b,False\n", encoding="utf-8")
    data = load_preference_data(DataConfig(path=str(tmp_path / "data.csv")))
    assert data.train["desirable"][:] == [[True], [False]]


def test_a_split_of_a_folder_is_evaluated_on(tmp_path: Path) -> None:
    write_folder_of_splits(tmp_path / "splits")
    data = load_preference_data(DataConfig(path=str(tmp_path / "splits"), eval_split="test"))
    assert data.eval is not None
    assert (len(data.train), len(data.eval)) == (2, 1)
    assert data.description.endswith("; 1 to evaluate on")


def test_another_file_is_evaluated_on(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "train.jsonl")
    write_json(tmp_path / "test.json")
    data = load_preference_data(DataConfig(path=str(tmp_path / "train.jsonl"), eval_path=str(tmp_path / "test.json")))
    assert data.eval is not None
    assert len(data.eval) == 2


def test_only_the_first_rows_are_read_if_told_so(load: Callable[..., PreferenceData]) -> None:
    assert len(load(*ROWS, {"prompt": None}, max_rows=2).train) == 2


def test_the_fingerprint_is_that_of_the_content_and_not_of_the_file(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl")
    write_csv(tmp_path / "b.csv")
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS[::-1]), encoding="utf-8")
    a, b, c = (
        load_preference_data(DataConfig(path=str(tmp_path / name))).fingerprint
        for name in ("a.jsonl", "b.csv", "c.jsonl")
    )
    assert a == b != c
    assert len(a) == 64
