from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest
from datasets import Dataset, DatasetDict

from upo_sdk.config.sections import DataConfig
from upo_sdk.data import load_preference_data
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.data import PreferenceData

    Load = Callable[..., PreferenceData]

GOOD = {"prompt": "p", "chosen": "yes", "rejected": "no"}
LABELLED = {"prompt": "p", "completion": "c", "label": True}


def refused(path: Path, **settings: Any) -> DataError:
    with pytest.raises(DataError) as error:
        load_preference_data(DataConfig(path=str(path), **settings))
    assert error.value.where
    assert error.value.fix
    return error.value


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"chosen": 7}, "column 'chosen': is a number, not text"),
        ({"rejected": None}, "column 'rejected': is null, not text"),
        ({"prompt": ["p"]}, "column 'prompt': is a list, not text"),
        ({"chosen": [{"role": "assistant", "content": "x"}]}, "column 'chosen': is a list, not text"),
        ({"chosen": ""}, "column 'chosen': is empty"),
        ({"rejected": " \n"}, "column 'rejected': is empty"),
        ({"chosen": "no"}, "column 'chosen': equals 'rejected'"),
        ({"chosen": "half \ud83d"}, "column 'chosen': holds half a surrogate pair at character 6"),
    ],
)
def test_a_bad_pair_is_named_with_row_column_and_reason(load: Load, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError) as error:
        load(GOOD, GOOD | change)
    assert error.value.what == f"1 of 2 rows is bad: row 2, {reason}"
    assert str(error.value.where).endswith("data.jsonl")


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("good", "is 'good', not true or false"),
        (2, r"is 2, not true or false \(also read: 1 and 0, yes and no\)"),
        (0.5, "is 0.5, not true or false"),
        (None, "is null, not true or false"),
        (float("nan"), r"is NaN \(an empty cell of pandas\), not true or false"),
        ([True], "is a list, not true or false"),
    ],
)
def test_a_label_that_is_not_boolean_is_refused(load: Load, label: object, reason: str) -> None:
    with pytest.raises(DataError, match=f"row 2, column 'label': {reason}"):
        load(LABELLED, LABELLED | {"label": label})


@pytest.mark.parametrize(("label", "shown"), [(2, "2"), ("a", "'a'"), (True, "true or false"), (None, "null")])
def test_a_better_response_that_is_neither_is_refused(load: Load, label: object, shown: str) -> None:
    row = {"prompt": "p", "response_0": "a", "response_1": "b", "better_response_id": label}
    with pytest.raises(DataError, match=f"column 'better_response_id': is {shown}, not 0 or 1"):
        load(row)


@pytest.mark.parametrize(
    ("label", "desirable"),
    [
        (True, True),
        (1, True),
        (1.0, True),
        ("true", True),
        ("Yes", True),
        ("1", True),
        ("1.0", True),
        (" TRUE ", True),
        (False, False),
        (0, False),
        (0.0, False),
        ("FALSE", False),
        ("no", False),
        ("0", False),
    ],
)
def test_labels_are_read_as_people_write_them(load: Load, label: object, desirable: object) -> None:
    assert load(LABELLED | {"label": label}).train[0]["desirable"] == [desirable]


@pytest.mark.parametrize("label", [1, 1.0, "1", "1.0"])
def test_the_better_response_is_read_as_people_write_it(load: Load, label: object) -> None:
    row = {"prompt": "p", "response_0": "a", "response_1": "b", "better_response_id": label}
    assert load(row).train[0]["responses"] == ["b", "a"]


def test_a_missing_column_of_one_row_is_named_as_the_file_calls_it(load: Load) -> None:
    row = {"question": "p", "chosen": "yes", "rejected": "no"}
    with pytest.raises(DataError, match="row 2, column 'question': is missing"):
        load(row, {"chosen": "yes", "rejected": "no"}, columns={"prompt": "question"})


def test_all_bad_rows_are_counted_and_the_first_five_shown(load: Load) -> None:
    with pytest.raises(DataError) as error:
        load(*[GOOD | {"chosen": 1} if n % 2 else GOOD for n in range(16)])
    assert error.value.what.startswith("8 of 16 rows are bad: row 2, column 'chosen'")
    assert error.value.what.endswith("row 10, column 'chosen': is a number, not text (first 5 shown)")
    assert "row 12" not in error.value.what


def test_responses_that_share_no_beginning_have_no_prompt(load: Load) -> None:
    with pytest.raises(DataError, match="have no common beginning"):
        load({"chosen": "yes", "rejected": "no"})


def test_a_response_that_is_all_prompt_is_empty(load: Load) -> None:
    with pytest.raises(DataError, match="column 'rejected': is empty after the prompt"):
        load({"chosen": "one two", "rejected": "one"})


def test_malformed_lines_are_counted_with_the_other_bad_rows(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    lines = [json.dumps(GOOD), '{"prompt": ', "[1]", "null", json.dumps(GOOD | {"chosen": ""})]
    path.write_bytes("\n".join(lines).encode() + b'\n{"prompt": "\xff"}\n')
    message = refused(path).what
    assert message.startswith("5 of 6 rows are bad: row 2: is not valid JSON (Expecting value at character")
    assert "row 3: is a list, not an object with columns; row 4: is null" in message
    assert "row 5, column 'chosen': is empty; row 6: is not valid UTF-8 (byte 13 of the line)" in message


@pytest.mark.parametrize("line", ["[" * 100_000, f'{{"prompt": {"9" * 5000}}}'])
@pytest.mark.parametrize("name", ["data.jsonl", "data.json"])
def test_json_that_no_parser_takes_is_refused(tmp_path: Path, name: str, line: str) -> None:
    (tmp_path / name).write_text(line, encoding="utf-8")
    assert refused(tmp_path / name).what


def test_a_file_of_malformed_lines_only_says_so(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text("no json\nat all\n", encoding="utf-8")
    assert refused(tmp_path / "data.jsonl").what.startswith("2 of 2 rows are bad: row 1: is not valid JSON")


@pytest.mark.parametrize(
    ("name", "content", "what"),
    [
        ("data.jsonl", b"", "the file is empty"),
        ("data.jsonl", b"\n \n", "there are no rows"),
        ("data.json", b"[]", "there are no rows"),
        ("data.csv", b"prompt,chosen,rejected\n", "there are no rows"),
        ("data.jsonl.gz", gzip.compress(b"", mtime=0), "there are no rows"),
        ("data.jsonl.gz", gzip.compress(json.dumps(GOOD).encode() * 99, mtime=0)[:-12], "cut off or damaged"),
        ("data.jsonl.gz", b"no gzip at all", "cut off or damaged"),
        ("data.json", b'[{"prompt": "p"},', "the file is not valid JSON"),
        ("data.json", b'["\xff"]', "the file is not valid UTF-8"),
        ("data.json", b"[1]", "row 1: is a number, not an object"),
        ("data.csv", b'prompt,chosen,rejected\np,"yes,no\n', "the file is not valid CSV"),
        ("data.csv", b"prompt,chosen,rejected\np,yes,no,more\n", "row 1: has more cells than the header"),
        ("data.csv", b"prompt,chosen,rejected\np,yes\n", "row 1, column 'rejected': is null, not text"),
        ("data.csv", b"prompt,chosen,rejected\np,\xff,no\n", "the file is not valid UTF-8"),
        ("data.parquet", b"no parquet at all", "the file is not valid Parquet"),
        ("data.txt", b"text", "the format of this file is unknown"),
    ],
)
def test_a_broken_file_is_one_clear_error(tmp_path: Path, name: str, content: bytes, what: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert what in refused(tmp_path / name).what


def test_a_missing_file_is_named_with_a_guess(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(GOOD), encoding="utf-8")
    error = refused(tmp_path / "trian.jsonl")
    assert error.what == "there is no such file"
    assert "did you mean 'train.jsonl'?" in str(error.fix)


def test_a_folder_that_is_no_dataset_is_refused_and_its_files_named(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").write_text(json.dumps(GOOD), encoding="utf-8")
    error = refused(tmp_path)
    assert error.what == "the folder is not a dataset"
    assert "train.jsonl" in str(error.fix)


def test_a_split_that_is_not_there_is_named_with_those_that_are(tmp_path: Path) -> None:
    DatasetDict(train=Dataset.from_list([GOOD])).save_to_disk(tmp_path / "folder")
    error = refused(tmp_path / "folder", split="trian")
    assert error.what == "there is no split 'trian'"
    assert "did you mean 'train'?" in str(error.fix)


def test_a_file_has_no_other_split(tmp_path: Path, write_rows: Callable[..., str]) -> None:
    write_rows(GOOD)
    assert refused(tmp_path / "data.jsonl", split="test").what == "a file has no split 'test'"


def test_training_and_evaluation_data_have_the_same_form(tmp_path: Path, write_rows: Callable[..., str]) -> None:
    write_rows(GOOD)
    error = refused(tmp_path / "data.jsonl", eval_path=write_rows(LABELLED, name="eval.jsonl"))
    assert "training data are pairs" in error.what
    assert "evaluation data are labelled completions" in error.what


@pytest.mark.parametrize(
    ("name", "content", "message", "fix"),
    [
        ("d.jsonl", "version https://git-lfs.github.com/spec/v1\n", "pointer of Git LFS", "git lfs pull"),
        ("d.json", '{"data": [{"prompt": "Q", "chosen": "y", "rejected": "n"}]}', "under the key 'data'", "that list"),
        (
            "d.json",
            '{"prompt": {"0": "Q"}, "chosen": {"0": "y"}, "rejected": {"0": "n"}}',
            "columns, not rows",
            "orient",
        ),
        ("d.json", '{"prompt": ["Q"], "chosen": ["y"], "rejected": ["n"]}', "columns, not rows", "to_json"),
        ("d.json", '[{"prompt": "Q", "chosen": "y", "chosen": "z"}]', "has the key 'chosen' twice", "rename"),
        ("d.csv", "prompt,chosen,rejected,chosen\nQ,y,n,note\n", "two columns are called 'chosen'", "rename"),
    ],
)
def test_a_file_that_holds_something_else_is_called_what_it_is(
    tmp_path: Path, name: str, content: str, message: str, fix: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        load_preference_data(DataConfig(path=str(tmp_path / name)))
    assert fix in (caught.value.fix or "")


def test_a_key_that_a_row_has_twice_is_named_with_its_row(tmp_path: Path) -> None:
    rows = '{"prompt": "Q", "chosen": "y", "rejected": "n"}\n{"prompt": "Q", "chosen": "y", "chosen": "z"}\n'
    (tmp_path / "d.jsonl").write_text(rows, encoding="utf-8")
    with pytest.raises(DataError, match="row 2: has the key 'chosen' twice"):
        load_preference_data(DataConfig(path=str(tmp_path / "d.jsonl")))


def test_one_object_may_be_one_row(tmp_path: Path) -> None:
    row = {"prompt": "Q", "chosen": "y", "rejected": "n"}
    (tmp_path / "d.json").write_text(json.dumps(row, indent=2), encoding="utf-8")
    assert load_preference_data(DataConfig(path=str(tmp_path / "d.json"))).train["row"][:] == [1]
