from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.config.sections import DataConfig
from upo_sdk.data import load_preference_data
from upo_sdk.data.messages import load_conversation
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.data import PreferenceData

USER = {"role": "user", "content": "it's 1"}
YES, NO = ({"role": "assistant", "content": text} for text in ("yes", "no"))


def written(*rows: dict[str, Any]) -> str:
    text = io.StringIO()
    table = csv.DictWriter(text, list(rows[0]), delimiter=",", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    return text.getvalue()


def load_csv(folder: Path, content: str | bytes) -> PreferenceData:
    path = folder / "data.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_preference_data(DataConfig(path=str(path)))


@pytest.mark.parametrize("write", [json.dumps, repr, lambda value: json.dumps(value, indent=1)])
def test_messages_in_cells_are_read(tmp_path: Path, write: Callable[[Any], str]) -> None:
    row = {"prompt": write([USER]), "chosen": write([YES]), "rejected": write(NO)}
    data = load_csv(tmp_path, written(row, row))
    assert load_conversation(data.train[1])[:2] == ([USER], [[YES], [NO]])
    assert "'prompt' and 'chosen' and 'rejected': messages written as text" in data.description


def test_text_that_merely_begins_like_messages_in_some_rows_stays_text(tmp_path: Path) -> None:
    rows = [
        {"prompt": "[1] write JSON", "chosen": '[{"role": "user"}]', "rejected": "{no"},
        {"prompt": "[2]", "chosen": "yes", "rejected": "no"},
    ]
    data = load_csv(tmp_path, written(*rows))
    assert not data.conversational
    assert data.train["responses"][:] == [[row["chosen"], row["rejected"]] for row in rows]
    assert "written as text" not in data.description


def test_a_cell_that_cannot_be_read_is_refused_with_the_way_to_write_it(tmp_path: Path) -> None:
    numpy_prints = f"[{USER!r}\n {YES!r}]"
    rows = [{"prompt": repr([USER]), "chosen": repr([YES]), "rejected": "no"}]
    rows.append(rows[0] | {"prompt": numpy_prints})
    with pytest.raises(DataError, match=r"row 2, column 'prompt': looks like messages, .*json\.dumps"):
        load_csv(tmp_path, written(*rows))


CALL = {"tool_calls": [{"type": "function", "function": {"name": "f"}}], "role": "assistant", "content": ""}


@pytest.mark.parametrize("prompt", [{"name": "bob", **USER}, {"content": "it's 1", "id": 5, "role": "user"}, CALL])
def test_messages_are_recognised_whatever_key_comes_first(tmp_path: Path, prompt: dict[str, Any]) -> None:
    data = load_csv(tmp_path, written({"prompt": json.dumps([prompt]), "chosen": "yes", "rejected": "no"}))
    assert load_conversation(data.train[0]).prompt == [prompt]


def test_an_answer_in_json_is_no_message(tmp_path: Path) -> None:
    answer = '{"city": "Rome", "from": "Pisa", "to": "Bari"}'
    data = load_csv(tmp_path, written({"prompt": "p", "chosen": answer, "rejected": "{}"}))
    assert (data.conversational, data.train[0]["responses"]) == (False, [answer, "{}"])


@pytest.mark.parametrize(
    ("prompts", "said"),
    [
        (["p", json.dumps([USER])], "row 2, column 'prompt': holds messages written as text, and other rows"),
        ([*[json.dumps([USER])] * 20, "p"], "row 21, column 'prompt': is plain text, and other rows"),
    ],
)
def test_a_column_of_messages_in_some_rows_and_text_in_others_is_refused(
    tmp_path: Path, prompts: list[str], said: str
) -> None:
    with pytest.raises(DataError, match=said):
        load_csv(tmp_path, written(*({"prompt": prompt, "chosen": "yes", "rejected": "no"} for prompt in prompts)))


def test_lines_that_end_with_a_carriage_return_alone_are_read(tmp_path: Path) -> None:
    data = load_csv(tmp_path, 'prompt,chosen,rejected\r"p\rq",yes,no\rr,yes,no\r')
    assert data.train["prompt"][:] == ["p\rq", "r"]


def test_nothing_in_a_cell_is_executed(tmp_path: Path) -> None:
    bad = f"[{{'role': 'user', 'content': open({str(tmp_path / 'made')!r}, 'w')}}]"
    with pytest.raises(DataError, match="neither JSON nor a Python literal"):
        load_csv(tmp_path, written({"prompt": bad, "chosen": "yes", "rejected": "no"}))
    assert not (tmp_path / "made").exists()


def test_cells_of_any_length_are_read_and_the_limit_is_put_back(tmp_path: Path) -> None:
    limit = csv.field_size_limit()
    data = load_csv(tmp_path, written({"prompt": "p" * 200_000, "chosen": "yes", "rejected": "no"}))
    assert len(data.train[0]["prompt"]) == 200_000
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize(("mark", "name"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_another_separator_is_named(tmp_path: Path, mark: str, name: str) -> None:
    with pytest.raises(DataError, match=f"the columns seem to be separated by {name}, not by commas"):
        load_csv(tmp_path, f"prompt{mark}chosen{mark}rejected\np{mark}yes{mark}no\n")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8-sig", "utf-8"])
@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_files_of_other_unicode_encodings_are_read(tmp_path: Path, encoding: str, kind: str) -> None:
    row = {"prompt": "é \u2028 🙂", "chosen": "yes\r\nyes", "rejected": "no"}
    text = written(row) if kind == "csv" else json.dumps(row, ensure_ascii=False) + "\n"
    (tmp_path / f"data.{kind}").write_bytes(text.encode(encoding))
    data = load_preference_data(DataConfig(path=str(tmp_path / f"data.{kind}")))
    assert data.train[0]["prompt"] == row["prompt"]
    assert data.train[0]["responses"] == [row["chosen"], row["rejected"]]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "json"])
def test_latin_1_is_refused_with_the_way_to_convert_it(tmp_path: Path, kind: str) -> None:
    row = {"prompt": "caf\u00e9", "chosen": "yes", "rejected": "no"}
    text = {
        "csv": written(row),
        "jsonl": json.dumps(row, ensure_ascii=False),
        "json": json.dumps([row], ensure_ascii=False),
    }
    (tmp_path / f"data.{kind}").write_bytes(text[kind].encode("latin-1"))
    with pytest.raises(DataError) as error:
        load_preference_data(DataConfig(path=str(tmp_path / f"data.{kind}")))
    assert "is not valid UTF-8" in error.value.what
    assert "iconv" in f"{error.value.what} {error.value.fix}"


def test_half_a_character_of_utf_16_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="looks like UTF-16, but is not"):
        load_csv(tmp_path, "prompt".encode("utf-16") + b"\x00")
