from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.config.sections import DataConfig
from upo_sdk.data import BadRow, list_bad_rows, load_preference_data, tokenize
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from upo_sdk.data import PreferenceData

    Load = Callable[..., PreferenceData]
    MakeTokenizer = Callable[..., PreTrainedTokenizerFast]

GOOD = {"prompt": "p", "chosen": "yes", "rejected": "no"}
EQUAL = GOOD | {"chosen": "no"}


def chat(question: str) -> dict[str, Any]:
    return {
        "conversations": [{"from": "human", "value": question}],
        "chosen": {"from": "gpt", "value": "yes"},
        "rejected": {"from": "gpt", "value": "no"},
    }


def test_bad_rows_are_left_out_and_listed_in_order(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    lines = [GOOD, EQUAL, GOOD | {"prompt": "q"}, GOOD | {"chosen": 7}]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines) + "no json\n", encoding="utf-8")
    data = load_preference_data(DataConfig(path=str(path), on_bad_rows="drop"))
    assert data.train["row"][:] == [1, 3]
    assert data.bad_rows == (
        BadRow(str(path), 2, "chosen", "equals 'rejected'"),
        BadRow(str(path), 4, "chosen", "is a number, not text"),
        BadRow(str(path), 5, None, "is not valid JSON (Expecting value at character 1)"),
    )
    (said,) = data.describe_bad_rows()
    assert said.startswith("3 of 5 rows are bad: row 2, column 'chosen': equals 'rejected'; row 4, column 'chosen'")
    assert said.endswith("; row 5: is not valid JSON (Expecting value at character 1); left out")


def test_the_fingerprint_is_that_of_the_rows_that_are_kept(load: Load) -> None:
    assert load(GOOD, EQUAL, on_bad_rows="drop").fingerprint == load(GOOD).fingerprint
    assert load(GOOD, on_bad_rows="drop").bad_rows == ()


def test_the_list_has_one_object_a_line() -> None:
    listed = list_bad_rows([BadRow("a.jsonl", 2, "chosen", "is «empty»"), BadRow("a.jsonl", 3, None, "is a list")])
    assert [json.loads(line) for line in listed.splitlines()] == [
        {"source": "a.jsonl", "row": 2, "column": "chosen", "reason": "is «empty»"},
        {"source": "a.jsonl", "row": 3, "column": None, "reason": "is a list"},
    ]


def test_rows_that_are_all_bad_are_an_error_even_so(load: Load) -> None:
    with pytest.raises(DataError, match="2 of 2 rows are bad") as error:
        load(EQUAL, EQUAL, on_bad_rows="drop")
    assert "data.on_bad_rows" not in str(error.value.fix)


def test_the_error_about_bad_rows_says_how_to_leave_them_out(load: Load) -> None:
    with pytest.raises(DataError) as error:
        load(GOOD, EQUAL)
    assert "`data.on_bad_rows=drop`" in str(error.value.fix)


def test_a_first_row_without_a_shape_is_a_bad_row_like_others(load: Load) -> None:
    data = load({"note": "begin"}, GOOD, on_bad_rows="drop")
    assert data.train["row"][:] == [2]
    assert [bad.row for bad in data.bad_rows] == [1]
    with pytest.raises(DataError, match="1 of 2 rows is bad: row 1, column 'chosen': is missing"):
        load({"note": "begin"}, GOOD)


def test_bad_rows_of_held_out_data_are_listed_too(load: Load, write_rows: Callable[..., str]) -> None:
    other = write_rows(EQUAL, GOOD, name="eval.jsonl")
    assert load(GOOD, eval_path=other, on_bad_rows="drop").bad_rows == (
        BadRow(other, 1, "chosen", "equals 'rejected'"),
    )


def test_rows_that_only_the_template_refuses_are_left_out_again_from_the_cache(
    load: Load, make_tokenizer: MakeTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = chat("a") | {"system": "be kind"}
    data = load(chat("a"), refused, chat("b"))
    for _ in range(2):
        found = tokenize(data.train, make_tokenizer(chat=True), max_length=50, max_prompt_length=None, drop=True)
        assert found.dataset["row"][:] == [1, 3]
        assert found.report.rows == 2
        (bad,) = found.bad_rows
        assert (bad.row, bad.column) == (2, "conversations + chosen + rejected")
        assert "no system turn" in bad.reason
        monkeypatch.setattr("upo_sdk.data.encoding.Encoder.encode", None)  # what is called now fails


def test_rows_that_the_template_refuses_are_refused_with_the_names_of_the_file(
    load: Load, make_tokenizer: MakeTokenizer
) -> None:
    data = load(chat("a"), chat("a") | {"system": "be kind"})
    with pytest.raises(DataError) as error:
        tokenize(data.train, make_tokenizer(chat=True), max_length=50, max_prompt_length=None)
    assert "row 2, column 'conversations + chosen + rejected': the tokenizer's chat template" in error.value.what
    assert str(error.value.where).endswith("data.jsonl")
    assert "`data.on_bad_rows=drop`" in str(error.value.fix)


def test_if_no_row_can_be_tokenised_dropping_is_an_error(load: Load, make_tokenizer: MakeTokenizer) -> None:
    data = load(chat("a") | {"system": "be kind"})
    with pytest.raises(DataError, match="1 of 1 rows is bad"):
        tokenize(data.train, make_tokenizer(chat=True), max_length=50, max_prompt_length=None, drop=True)
