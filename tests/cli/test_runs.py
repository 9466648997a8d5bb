"""``upo runs``: on folders that version 0.1.0 wrote and on copies of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Upo

OLD = Path(__file__).parents[1] / "fixtures" / "written_by_0_1_0"


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Return a folder with two runs that differ in a weight and in the reward of one answer."""
    for name in ("one", "two"):
        shutil.copytree(OLD / "run", tmp_path / "runs" / name)
    other = tmp_path / "runs" / "two"
    values = json.loads((other / "run.json").read_text(encoding="utf-8"))
    values["objectives"][1]["objective"] = "toxicity:0.5,model=builtin"
    values["before_after"][0]["after"] = 0.9
    (other / "run.json").write_text(json.dumps(values), encoding="utf-8")
    lines = (other / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    first["rewards"]["short"]["after"] += 1.2
    (other / "samples.jsonl").write_text("\n".join([json.dumps(first), *lines[1:]]) + "\n", encoding="utf-8")
    return tmp_path / "runs"


def test_the_list_has_a_row_per_run_and_is_sorted_by_a_metric(upo: Upo, runs: Path) -> None:
    listed = upo("runs", "list", str(runs), "--sort", "reward/toxicity", "--json")
    assert listed.code == 0, listed.err
    assert [row["folder"] for row in listed.data["runs"]] == ["two", "one"]
    assert listed.data["runs"][0]["rewards"]["reward/toxicity"]["mean"] == 0.9
    text = upo("runs", "list", str(runs)).out
    assert text.index("one") < text.index("two")
    assert "0.587 open" in text


def test_a_damaged_run_is_a_row_of_the_list(upo: Upo, runs: Path) -> None:
    (runs / "one" / "run.json").write_text("{", encoding="utf-8")
    listed = upo("runs", "list", str(runs))
    assert listed.code == 0
    assert "damaged" in listed.out
    assert "it is not JSON" in listed.out
    assert "two" in listed.out


def test_a_column_that_is_not_there_is_refused_with_those_that_are(upo: Upo, runs: Path) -> None:
    listed = upo("runs", "list", str(runs), "--sort", "reward/toxicty")
    assert listed.code == 2
    assert "reward/toxicity" in listed.err


def test_a_run_is_shown_with_what_it_was_made_of_and_what_it_changed(upo: Upo, runs: Path) -> None:
    shown = upo("runs", "show", str(runs / "one"))
    assert shown.code == 0, shown.err
    assert "completed, 12 steps" in shown.out
    assert "reward/toxicity" in shown.out
    assert "64 % of the 200 held-out pairs" in shown.out
    assert upo("runs", "show", str(runs / "one"), "--json").data["seed"] == 42


def test_runs_are_compared_by_settings_and_by_results_that_are_paired_by_prompt(upo: Upo, runs: Path) -> None:
    compared = upo("runs", "compare", str(runs / "one"), str(runs / "two"), "--json")
    assert compared.code == 0, compared.err
    assert list(compared.data["settings"]) == ["objectives"]
    assert "toxicity:0.5" in compared.data["settings"]["objectives"][1]
    change = compared.data["metrics"]["normalized_reward/short"][1]["change"]
    assert change["mean"] == pytest.approx(0.1)  # 1.2 in one of twelve answers
    assert change["low"] < 0 < change["high"]
    assert compared.data["metrics"]["reward/toxicity"][1]["change"] is None  # 0.1 kept rewards of the loss only
    text = upo("runs", "compare", str(runs / "one"), str(runs / "two")).out
    assert "paired by prompt" in text


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "nowhere"], "there is no such folder"),
        (["show", "nowhere"], "the folder holds no run"),
        (["compare", "."], "there is only one run"),
    ],
)
def test_what_is_no_run_is_refused(upo: Upo, arguments: list[str], said: str) -> None:
    ended = upo("runs", *arguments)
    assert ended.code == 2
    assert said in ended.err
