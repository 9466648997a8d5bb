from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk import demo

if TYPE_CHECKING:
    from conftest import Upo

PAIRS = [{"prompt": f"q{n % 2}", "chosen": "yes " * n, "rejected": "no"} for n in range(1, 9)]
LENGTH = ["--objective", "length,target=4"]


@pytest.fixture
def pairs() -> str:
    Path("pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in PAIRS))
    return "pairs.jsonl"


def read(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(name).read_text().splitlines()]


def test_statistics_a_histogram_and_what_was_written_are_shown(upo: Upo, pairs: str) -> None:
    chosen = ["--keep", "length>=0.5", "--best-of", "length"]
    ended = upo("score", pairs, *LENGTH, "-o", "toxicity,model=builtin", "--output", "scored.jsonl", *chosen)
    assert ended.code == 0
    head, *rows = ended.out.splitlines()
    assert head.split() == ["rewards", "completions", "mean", "std", "min", "5%", "25%", "50%", "75%", "95%", "max"]
    assert [row.split()[:2] for row in rows[:2]] == [["length", "16"], ["toxicity", "16"]]
    assert ended.out.count(" to ") == 12  # ten bins, and one of rewards that are all 1; the last line has one too
    assert "█" in ended.out
    left_out = "left out: 5 do not meet the conditions, 1 are not the best of their prompt"
    assert ended.out.splitlines()[-1] == f"wrote 2 of 8 rows to scored.jsonl; {left_out}"
    assert [row["chosen"] for row in read("scored.jsonl")] == ["yes " * 4, "yes " * 5]
    assert "scoring with length" in ended.err


def test_the_result_as_json_is_the_only_thing_on_stdout(upo: Upo, pairs: str) -> None:
    ended = upo("score", pairs, *LENGTH, "--output", "scored.jsonl", "--json")
    assert ended.code == 0
    assert (ended.data["rows"], ended.data["written"], ended.data["dropped"]["keep"]) == (8, 8, 0)
    (found,) = ended.data["rewards"]
    assert (found["label"], found["column"], found["quantiles"]["1.0"]) == ("length", "reward/length", 1)
    assert ended.err == ""


def test_the_plan_of_training_takes_the_rewards_from_the_output(upo: Upo, pairs: str) -> None:
    upo("score", pairs, *LENGTH, "--output", "scored.parquet")
    train = ["train", "--model", str(demo.demo_model_path()), "--data", "scored.parquet", "-o", "dpo", "--dry-run"]
    assert "its rewards are in the data" in upo(*train, "-o", "length:0.2,target=4").out
    assert upo(*train, "-o", "column:reward/length:0.2").code == 0


@pytest.mark.parametrize(
    ("arguments", "what", "fix"),
    [
        (["nowhere.jsonl", *LENGTH], "there is no such file", "check DATA"),
        (["pairs.jsonl"], "there is no objective", "--objective toxicity"),
        (["pairs.jsonl", "-o", "dpo"], "'dpo' is a preference objective", "upo objectives list"),
        (["pairs.jsonl", "-o", "lenght"], "there is no objective 'lenght'", "did you mean 'length'?"),
        (["pairs.jsonl", *LENGTH, "--keep", "lenght>1"], "no objective here has the label", "did you mean 'length'?"),
        (["pairs.jsonl", *LENGTH, "--shard", "a"], "'a' is not a shard", "write NUMBER/COUNT"),
        (["pairs.jsonl", *LENGTH, "--shard", "9/9"], None, None),
        (["pairs.jsonl", *LENGTH, "--shard", "1/9"], "shard 1 of 9 has no rows", "--shard 1/9"),
        (["old.jsonl", *LENGTH], "the file is empty", None),
    ],
)
@pytest.mark.usefixtures("pairs")
def test_a_mistake_ends_with_2_and_writes_nothing(
    upo: Upo, arguments: list[str], what: str | None, fix: str | None
) -> None:
    Path("old.jsonl").write_text("")
    ended = upo("score", *arguments, "--output", "scored.jsonl")
    assert ended.code == (2 if what else 0)
    assert (what or "") in ended.err
    assert (fix or "") in ended.err
    assert Path("scored.jsonl").exists() == (what is None)


def test_an_output_that_exists_is_named_with_the_option_that_replaces_it(upo: Upo, pairs: str) -> None:
    Path("scored.jsonl").write_text("old")
    ended = upo("score", pairs, *LENGTH, "--output", "scored.jsonl")
    assert (ended.code, Path("scored.jsonl").read_text()) == (2, "old")
    assert "choose another --output, or replace it: --overwrite_output" in ended.err
    assert upo("score", pairs, *LENGTH, "--output", "scored.jsonl", "--overwrite-output").code == 0
    assert len(read("scored.jsonl")) == 8
