from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Upo, UpoProcess


@pytest.mark.parametrize(
    ("arguments", "what", "fix"),
    [
        (["trian"], "no such command 'trian'", "did you mean 'train'"),
        (["train", "--learning_rat", "1"], "no such option: --learning_rat", "did you mean '--learning_rate'"),
        (["train", "--learning-rat", "1"], "no such option", "did you mean '--learning_rate'"),
        (["train", "--epochs", "1"], "no such option: --epochs", "did you mean '--num_train_epochs'"),
        (["train", "--objective", "toxicty:0.3"], "there is no objective 'toxicty'", "did you mean 'toxicity'"),
        (["train", "-o", "dpo,bta=1"], "'dpo' has no option 'bta'", "did you mean 'beta'"),
        (["train", "-o", "length:x"], "'length' takes no target, and 'x' is not a weight", "length:0.3"),
        (["train", "-o", "bad:score"], "'bad:score' cannot be imported", "named 'bad'"),
        (
            ["train", "-o", "./style.py:score"],
            "'./style.py' is a file",
            "set PYTHONPATH=. and name it --objective style:score:1.0",
        ),
        (["train", "-o", "length:-1"], "a weight is finite and not negative", "write length:0.3"),
        (["train", "-o", "dpo", "-o", "dpo"], "objective 'dpo' is named twice", "as="),
        (["train", "--preset", "papr"], "there is no preset 'papr'", "did you mean 'paper'"),
        (["train", "--set", "training.sed=1"], "unknown key 'sed'", "did you mean 'seed'"),
        (["train", "--set", "seed"], "'seed' is not KEY=VALUE", "--set key=value"),
        (
            ["train", "--set", "seed=1", "--set", "seed=2"],
            "'seed' is given twice: 1 and 2",
            "give --set seed=VALUE once",
        ),
        (["train", "--columns", "prompt=a", "--columns", "prompt=b"], "'prompt' is given twice", "--columns prompt="),
        (["train", "--columns", "prompt"], "'prompt' is not KEY=VALUE", "--columns key=value"),
        (["train", "--beta", "0.1", "-o", "length"], "none of the given objectives has a beta", "dpo,beta=0.1"),
        (["train", "--data", "a", "--data", "b"], "--model is missing", "give both --model and --data"),
        (["train", "--model", "a", "--model_name_or_path", "b"], "--model is given 2 times", "give --model once"),
        (["train", "--seed=1", "--seed=2", "--seed=1"], "--seed is given 3 times", "give --seed once"),
        (
            ["eval", "demo", "--num-samples", "1", "--num_samples", "2"],
            "--num_samples is given 2",
            "give --num_samples",
        ),
        (["train", "--max_rows", "5"], "data.max_rows is set, and no --data is given", "--data PATH"),
        (["train", "-c", "gone.yaml"], "cannot be read: No such file", "check the path"),
        (["train", "--require-plugin", "nowhere"], "'nowhere' is not installed", "pip install nowhere"),
        (["objectives", "show", "dop"], "there is no objective 'dop'", "did you mean 'dpo'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_ends_with_2_and_says_what_and_how_to_mend_it(
    upo: Upo, arguments: list[str], what: str, fix: str
) -> None:
    ended = upo(*arguments)
    assert ended.code == 2
    assert ended.out == ""
    assert ended.err.startswith("error: ")
    assert what in ended.err
    assert fix in ended.err
    assert "Traceback" not in ended.err
    assert [entry for entry in Path().iterdir() if entry.name != "cache"] == []


@pytest.mark.parametrize(
    ("option", "value", "what"),
    [
        ("--learning_rate", "-1", "greater than 0: '-1'"),
        ("--learning_rate", "fast", "valid number"),
        ("--per_device_train_batch_size", "2.5", "valid integer"),
        ("--expectile", "1", "less than 1: '1'"),
        ("--baseline", "median", "'value', 'soft', 'prompt-mean' or 'none': 'median'"),
    ],
)
def test_a_value_out_of_range_names_its_option(upo: Upo, option: str, value: str, what: str) -> None:
    ended = upo("train", option, value)
    assert ended.code == 2
    assert what in ended.err
    assert f"where: {option}\n" in ended.err


def test_a_wrong_value_in_the_file_names_the_file_even_if_the_command_line_adds_more(upo: Upo) -> None:
    Path("run.yaml").write_text("training: {seed: -5}\n")
    ended = upo("train", "-c", "run.yaml", "--learning_rate", "1e-5")
    assert ended.code == 2
    assert "where: run.yaml: training.seed" in ended.err


def test_the_command_line_mends_a_wrong_value_of_the_file(upo: Upo) -> None:
    Path("run.yaml").write_text("training: {seed: -5}\n")
    ended = upo("train", "-c", "run.yaml", "--seed", "5", "-o", "dop")
    assert "there is no objective 'dop'" in ended.err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["train", "--json", "--nope"], "usage"),
        (["train", "--json", "--seed", "-1"], "config"),
        (["train", "--json", "-o", "dop"], "unknown-objective"),
        (["objectives", "show", "dop", "--json"], "unknown-objective"),
        (["config", "validate", "gone.yaml", "--json"], "config"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_with_json_an_error_is_one_object_on_stdout(upo: Upo, arguments: list[str], code: str) -> None:
    ended = upo(*arguments)
    assert ended.code == 2
    assert ended.err == ""
    assert ended.data["error"].keys() == {"code", "what", "where", "fix"}
    assert ended.data["error"]["code"] == code


def test_debugging_shows_the_traceback_and_keeps_the_exit_code(upo: Upo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPO_DEBUG", "1")
    ended = upo("objectives", "show", "dop")
    assert ended.code == 2
    assert "UnknownObjectiveError" in ended.err


def test_a_bug_keeps_its_traceback_and_asks_for_a_report(upo_process: UpoProcess, tmp_path: Path) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(
        "import upo_cli.commands.version as v\n"
        "def broken(_): raise RuntimeError('our own')\nv.installed_version = broken\n"
    )
    ended = upo_process("version")
    assert ended.code == 1
    assert "Traceback" in ended.err
    assert "RuntimeError: our own" in ended.err
    assert "This is a bug, not your mistake" in ended.err.splitlines()[-1]


def test_numbers_that_json_lacks_become_null() -> None:
    from upo_cli.output import jsonable

    value = jsonable({"a": float("nan"), "b": (float("inf"), 1.5), "c": Path("x")})
    assert json.dumps(value, allow_nan=False) == '{"a": null, "b": [null, 1.5], "c": "x"}'
