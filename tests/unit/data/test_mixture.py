"""Several files, patterns and mixtures: one dataset, whose rows know where they are from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.config.sections import DataConfig
from upo_sdk.data import describe_unused, load_preference_data, tokenize
from upo_sdk.data.paths import only_path
from upo_sdk.errors import ConfigError, DataError, UPOError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from upo_sdk.data import PreferenceData


def pairs(name: str, count: int) -> list[dict[str, Any]]:
    return [{"prompt": f"{name} {number}? ", "chosen": f"yes {number}", "rejected": "no"} for number in range(count)]


def write(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path / "a.jsonl", pairs("a", 100))
    write(tmp_path / "b.jsonl", pairs("b", 60))
    return tmp_path


def load(*paths: Path | str, **settings: Any) -> PreferenceData:
    return load_preference_data(DataConfig(path=tuple(map(str, paths)), **settings))


def prompts(data: PreferenceData) -> list[str]:
    return data.train["prompt"][:]


def share(data: PreferenceData, name: str) -> float:
    found = [prompt.startswith(name) for prompt in prompts(data)]
    return sum(found) / len(found)


def test_several_files_are_joined_in_the_order_in_which_they_are_given(folder: Path) -> None:
    data = load(folder / "b.jsonl", folder / "a.jsonl")
    assert prompts(data) == [row["prompt"] for row in (*pairs("b", 60), *pairs("a", 100))]
    assert data.train["row"][:] == list(range(1, 161))
    assert data.description == "160 pairs (standard, explicit prompt) from b.jsonl (60 of 60), a.jsonl (100 of 100)"


def test_a_pattern_is_all_its_files_in_the_order_of_their_names(folder: Path) -> None:
    write(folder / "part-2.jsonl", pairs("second", 3))
    write(folder / "part-1.jsonl", pairs("first", 2))
    write(folder / "part-3.txt", pairs("no data", 2))
    data = load(folder / "part-*")
    assert [prompt.split()[0] for prompt in prompts(data)] == ["first"] * 2 + ["second"] * 3
    assert data.description == "5 pairs (standard, explicit prompt) from part-* (2 files, 5 of 5)"


def test_a_file_whose_name_looks_like_a_pattern_or_a_weight_is_that_file(tmp_path: Path) -> None:
    for name in ("a[1].jsonl", "b:0.5"):
        write(tmp_path / name, pairs("x", 2))
    assert len(load(tmp_path / "a[1].jsonl").train) == 2
    with pytest.raises(DataError, match="the format of this file is unknown"):
        load(tmp_path / "b:0.5")


@pytest.mark.parametrize("path", [r"C:\data\pairs.jsonl", "C:/data/pairs.jsonl", "s3:pairs.jsonl"])
def test_a_colon_of_a_path_is_no_weight(path: str) -> None:
    with pytest.raises(DataError) as caught:
        load(path)
    assert (caught.value.what, caught.value.where) == ("there is no such file", path)


def test_a_mixture_has_the_given_shares_and_no_row_twice(folder: Path) -> None:
    write(folder / "a.jsonl", pairs("a", 3000))
    write(folder / "b.jsonl", pairs("b", 900))
    data = load(f"{folder}/a.jsonl:7", f"{folder}/b.jsonl:3")
    assert 2700 < len(data.train) < 3300  # one of them has no more rows
    assert share(data, "a") == pytest.approx(0.7, abs=0.03)
    assert len(set(prompts(data))) == len(data.train)
    counts = {name: sum(prompt.startswith(name) for prompt in prompts(data)) for name in "ab"}
    assert f"from a.jsonl ({counts['a']:,} of 3,000), b.jsonl ({counts['b']:,} of 900)" in data.description


def test_a_mixture_is_that_of_its_seed_in_every_process(folder: Path) -> None:
    sources = (f"{folder}/a.jsonl:0.5", f"{folder}/b.jsonl:0.5")
    one, same, other = load(*sources), load(*sources), load(*sources, mixture_seed=1)
    assert (one.fingerprint, prompts(one)) == (same.fingerprint, prompts(same))
    assert one.fingerprint != other.fingerprint
    assert prompts(one) != prompts(other)
    code = (
        "import sys; from upo_sdk.config.sections import DataConfig; from upo_sdk.data import load_preference_data\n"
        "from upo_sdk.data.columns import content_name\n"
        "data = load_preference_data(DataConfig(path=tuple(sys.argv[1:])))\n"
        "print(data.fingerprint, content_name(data.train))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code, *sources],
            env=os.environ | {"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert printed.pop().startswith(one.fingerprint)


@pytest.mark.parametrize(
    "change",
    [
        lambda folder: load(folder / "b.jsonl", folder / "a.jsonl"),
        lambda folder: load(folder / "a.jsonl"),
        lambda folder: load(folder / "a.jsonl", write(folder / "b.jsonl", pairs("c", 60))),
        lambda folder: load(f"{folder}/a.jsonl:1", f"{folder}/b.jsonl:1"),
        lambda folder: load(f"{folder}/a.jsonl:1", f"{folder}/b.jsonl:2"),
        lambda folder: load(folder / "a.jsonl", folder / "b.jsonl", max_rows=150),
    ],
    ids=["order", "a source", "content", "weights", "other weights", "rows"],
)
def test_the_fingerprint_covers_all_of_it(folder: Path, change: Callable[[Path], PreferenceData]) -> None:
    before = load(folder / "a.jsonl", folder / "b.jsonl").fingerprint
    mixed = load(f"{folder}/a.jsonl:3", f"{folder}/b.jsonl:1").fingerprint
    assert change(folder).fingerprint not in {before, mixed}


def test_max_rows_are_the_first_of_all(folder: Path) -> None:
    assert len(load(folder / "a.jsonl", folder / "b.jsonl", max_rows=30).train) == 30
    data = load(folder / "a.jsonl", folder / "b.jsonl", max_rows=130)
    assert prompts(data)[-1] == "b 29? "
    sources = (f"{folder}/a.jsonl:0.5", f"{folder}/b.jsonl:0.5")
    assert prompts(load(*sources, max_rows=40)) == prompts(load(*sources))[:40]


def test_no_held_out_prompt_is_in_the_other_part_of_a_mixture(folder: Path) -> None:
    data = load(f"{folder}/a.jsonl:0.5", f"{folder}/b.jsonl:0.5", eval_fraction=0.2)
    assert data.eval is not None
    assert not set(data.eval["prompt"][:]) & set(prompts(data))


def test_errors_name_the_file_and_the_row_in_it(
    folder: Path, make_tokenizer: Callable[..., PreTrainedTokenizerFast]
) -> None:
    alike = {"prompt": "x", "chosen": "a\tb", "rejected": "a\tb ", "note": "n"}
    write(folder / "b.jsonl", [*pairs("b", 2), {**pairs("b", 1)[0], "chosen": "ü", "rejected": "ö", "note": 1}, alike])
    data = load(folder / "a.jsonl", folder / "b.jsonl", on_bad_rows="drop")
    assert data.train["row"][:][-1] == 104
    (note,), _ = describe_unused(data.unread, (), (), data.parts)
    assert f"(row 3 of {folder / 'b.jsonl'})" in note
    tokenizer = make_tokenizer()
    settings: dict[str, Any] = {"max_length": 64, "max_prompt_length": None}
    with pytest.raises(DataError) as caught:
        tokenize(data.train, tokenizer, **settings)
    assert f"row 3 of {folder / 'b.jsonl'}, column 'chosen + rejected': are the same tokens" in caught.value.what
    (bad,) = tokenize(data.train, tokenizer, drop=True, **settings).bad_rows
    assert (bad.source, bad.row) == (str(folder / "b.jsonl"), 3)


def test_bad_rows_of_a_further_file_are_named_by_that_file(folder: Path) -> None:
    write(folder / "b.jsonl", [*pairs("b", 2), {"prompt": "x"}])
    with pytest.raises(DataError, match="1 of 3 rows is bad: row 3, column 'chosen': is missing") as caught:
        load(folder / "a.jsonl", folder / "b.jsonl")
    assert caught.value.where == str(folder / "b.jsonl")
    dropped = load(folder / "a.jsonl", folder / "b.jsonl", on_bad_rows="drop")
    assert [(bad.source, bad.row) for bad in dropped.bad_rows] == [(str(folder / "b.jsonl"), 3)]


def test_where_one_path_is_needed_a_pattern_may_match_one_file(folder: Path) -> None:
    assert only_path([f"{folder}/a*"], why="one is read") == f"{folder}/a.jsonl"
    with pytest.raises(ConfigError, match=r"one is read, and `data\.path` names 2"):
        only_path([f"{folder}/*.jsonl"], why="one is read")


@pytest.mark.parametrize(
    ("sources", "what", "fix"),
    [
        (("none-*.jsonl",), "no data file matches this pattern", "quote it"),
        (("a.jsonl:0.5", "b.jsonl"), "some sources have a weight and '{}/b.jsonl' has none", "b.jsonl:WEIGHT"),
        (("a.jsonl:0", "b.jsonl:1"), "is 0: it must be a number above 0", "a.jsonl:0.5"),
        (("a.jsonl:-1", "b.jsonl:1"), "is -1: it must be a number above 0", "a.jsonl:0.5"),
        (("a.jsonl:nan", "b.jsonl:1"), "is nan: it must be a number above 0", "a.jsonl:0.5"),
        (("a.jsonl:inf", "b.jsonl:1"), "is inf: it must be a number above 0", "a.jsonl:0.5"),
        (("a.jsonl:70%", "b.jsonl:1"), "is 70%: it must be a number above 0", "a.jsonl:0.5"),
        (("a.jsonl:", "b.jsonl:1"), "is missing: it must be a number above 0", "a.jsonl:0.5"),
        (("a.jsonl:0.7",), "a weight is a share among several sources, and there is one", "leave the weight out"),
        (("a.jsonl", "[ab].jsonl"), "'{}/a.jsonl' is named twice", "name it once"),
        (("a.jsonl", "talks.jsonl"), "it holds pairs (conversational", "of one kind"),
        (("labels.jsonl:1", "a.jsonl:1"), "it holds pairs (standard, explicit prompt), and", "of one kind"),
    ],
)
def test_a_mistake_is_named_with_its_fix(folder: Path, sources: tuple[str, ...], what: str, fix: str) -> None:
    said = [[{"role": "user", "content": "x"}, {"role": "assistant", "content": text}] for text in ("yes", "no")]
    write(folder / "talks.jsonl", [{"chosen": said[0], "rejected": said[1]}])
    write(folder / "labels.jsonl", [{"prompt": "x", "completion": "y", "label": True}])
    with pytest.raises(UPOError) as caught:
        load(*(folder / source for source in sources))
    assert isinstance(caught.value, ConfigError | DataError)
    assert what.format(folder) in caught.value.what
    assert fix in (caught.value.fix or "")
