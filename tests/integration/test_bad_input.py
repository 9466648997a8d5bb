"""Bad input: exit code 2, one clear message with a way out, no traceback, nothing half-written."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from upo_cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = {"prompt": "How? ", "chosen": "Like this.", "rejected": "No."}


def lines(*rows: Any) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


DATA: dict[str, tuple[str, bytes, list[str]]] = {
    "a wrong column": ("d.jsonl", lines({"prompt": "a", "chosn": "b", "rejected": "c"}), ["chosn", "columns"]),
    "an empty file": ("d.jsonl", b"", ["is empty", "d.jsonl"]),
    "a truncated gzip": ("d.jsonl.gz", gzip.compress(lines(*[GOOD] * 50))[:-20], ["d.jsonl.gz"]),
    "chosen equal to rejected": ("d.jsonl", lines(GOOD, {**GOOD, "rejected": GOOD["chosen"]}), ["row 2", "chosen"]),
    "an empty completion": ("d.jsonl", lines(GOOD, GOOD, {**GOOD, "chosen": " "}), ["row 3", "chosen", "empty"]),
    "a number for a text": ("d.jsonl", lines({**GOOD, "rejected": 7}), ["row 1", "rejected"]),
    "a missing value": ("d.jsonl", lines(GOOD, {"prompt": "x", "chosen": "y"}), ["row 2", "rejected", "missing"]),
    "a line that is no JSON": ("d.jsonl", lines(GOOD) + b"{oops\n", ["2", "JSON"]),
    "bytes that are no UTF-8": ("d.jsonl", b'{"prompt": "\xff\xfe"}\n', ["UTF-8"]),
    "a label that is no truth value": (
        "d.jsonl",
        lines({"prompt": "a", "completion": "b", "label": "perhaps"}),
        ["row 1", "label"],
    ),
    "a ragged CSV": ("d.csv", b"prompt,chosen,rejected\na,b\n", ["row 1", "rejected"]),
    "a broken parquet": ("d.parquet", b"PAR1 not really", ["d.parquet"]),
    "a file type nobody knows": ("d.docx", b"PK", ["d.docx"]),
    "conversations without a chat template": (
        "d.jsonl",
        lines(
            {
                "prompt": [{"role": "user", "content": "hi"}],
                "chosen": [{"role": "assistant", "content": "hello"}],
                "rejected": [{"role": "assistant", "content": "go away"}],
            }
        ),
        ["chat template"],
    ),
}

OPTIONS: dict[str, tuple[list[str], list[str]]] = {
    "a weight that is no number": (["-o", "toxicity:high"], ["'high'", "is not a weight"]),
    "a negative weight": (["-o", "toxicity:-0.3"], ["-0.3", "not negative"]),
    "a weight that is NaN": (["-o", "toxicity:nan"], ["nan"]),
    "an unknown objective": (["-o", "toxcity:0.3"], ["toxcity", "did you mean 'toxicity'"]),
    "an unknown option of an objective": (["-o", "dpo,bta=0.1"], ["bta", "did you mean 'beta'"]),
    "a wrong value of an option": (["-o", "dpo,beta=big"], ["beta", "big"]),
    "an unknown category": (["-o", "toxicity:0.3,model=builtin,categories=threats"], ["threats"]),
    "a length without a target": (["-o", "length:0.3"], ["target"]),
    "an objective named twice": (["-o", "length:1,target=5", "-o", "length:1,target=6"], ["twice"]),
    "a dotted path that leads nowhere": (["-o", "no.such:thing:0.1"], ["no.such"]),
    "a column that the data lacks": (["--columns", "prompt=question"], ["question"]),
    "an unknown option of the command": (["--learning_rat", "1"], ["learning_rat"]),
    "a value of the wrong type": (["--max_steps", "many"], ["max_steps", "many"]),
    "a value out of range": (["--gamma", "-1"], ["gamma"]),
    "an unknown key in --set": (["--set", "training.seeed=1"], ["seeed", "did you mean 'seed'"]),
    "an unknown training argument": (["--set", "training.arguments.adam_beta=0.5"], ["adam_beta"]),
    "an argument that has its own option": (["--set", "training.arguments.output_dir=x"], ["output_dir", "leave out"]),
    "an unknown tracker": (["--report_to", "tensorbord"], ["tensorbord", "did you mean 'tensorboard'"]),
    "an infinite number": (["--lambda", "inf"], ["lambda"]),
    "a schedule that does not exist": (["--lr_scheduler_type", "zigzag"], ["zigzag"]),
    "a configuration file that is missing": (["-c", "nowhere.yaml"], ["nowhere.yaml"]),
    "an unknown preset": (["--preset", "papre"], ["did you mean 'paper'"]),
    "a checkpoint that is not there": (["--resume_from_checkpoint", "checkpoint-9"], ["checkpoint-9"]),
    "a required plugin that is not installed": (["--require-plugin", "company-rules"], ["company-rules"]),
}


def last_of_each(arguments: list[str]) -> list[str]:
    """Return a command whose options are there once: what a test appends replaces what stands before."""
    command, *rest = arguments
    pairs = list(zip(rest[::2], rest[1::2], strict=True))
    last = {flag: place for place, (flag, _) in enumerate(pairs)}
    kept = [
        pair for place, pair in enumerate(pairs) if pair[0] in {"-o", "--columns", "--set"} or last[pair[0]] == place
    ]
    return [command, *(word for pair in kept for word in pair)]


def expect_refusal(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run and return what was printed, after checking the manners of the refusal."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(last_of_each(arguments))
    printed = capsys.readouterr()
    assert ended.value.code == 2, printed.err
    assert "Traceback" not in printed.err + printed.out
    assert "fix" in printed.err
    return " ".join(printed.err.split())


@pytest.fixture
def arguments(model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path) -> list[str]:
    """A complete command that would train; what a test appends breaks it."""
    basics = ["--model", str(model_folder("llama")), "--data", str(pairs_file), "--max_steps", "1"]
    return ["train", *basics, "--output_dir", str(tmp_path / "run")]


@pytest.mark.parametrize("kind", DATA)
def test_bad_data_is_refused(kind: str, arguments: list[str], tmp_path: Path, capsys: Any) -> None:
    name, content, fragments = DATA[kind]
    (tmp_path / name).write_bytes(content)
    printed = expect_refusal([*arguments, "--data", str(tmp_path / name)], capsys)
    assert all(fragment in printed for fragment in fragments), printed
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("kind", OPTIONS)
def test_bad_options_are_refused(kind: str, arguments: list[str], tmp_path: Path, capsys: Any) -> None:
    extra, fragments = OPTIONS[kind]
    printed = expect_refusal([*arguments, *extra], capsys)
    assert all(fragment in printed for fragment in fragments), printed
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("model", "fragment"),
    [("{tmp}/nowhere", "no such model folder"), ("{tmp}/empty", "config.json is missing"), ("{tmp}/broken", "broken")],
)
def test_a_model_that_cannot_be_loaded_is_refused(
    model: str, fragment: str, arguments: list[str], tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{", encoding="utf-8")
    assert fragment in expect_refusal([*arguments, "--model", model.format(tmp=tmp_path)], capsys)


def test_a_model_without_weights_is_refused_before_anything_is_scored(
    arguments: list[str], model_folder: Callable[[str], Path], tmp_path: Path, capsys: Any
) -> None:
    hollow = tmp_path / "hollow"
    hollow.mkdir()
    for entry in model_folder("llama").iterdir():
        if entry.suffix != ".safetensors":
            (hollow / entry.name).write_bytes(entry.read_bytes())
    assert str(hollow) in expect_refusal([*arguments, "--model", str(hollow)], capsys)
    assert not (tmp_path / "run").exists()


def test_weights_that_are_cut_short_are_refused(
    arguments: list[str], model_folder: Callable[[str], Path], tmp_path: Path, capsys: Any
) -> None:
    short = tmp_path / "short"
    short.mkdir()
    for entry in model_folder("llama").iterdir():
        content = entry.read_bytes()
        (short / entry.name).write_bytes(content[:-100] if entry.suffix == ".safetensors" else content)
    assert str(short) in expect_refusal([*arguments, "--model", str(short)], capsys)
    assert not (tmp_path / "run").exists()


def test_a_model_that_is_no_causal_language_model_is_refused(arguments: list[str], tmp_path: Path, capsys: Any) -> None:
    folder = tmp_path / "t5"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "t5"}', encoding="utf-8")
    assert str(folder) in expect_refusal([*arguments, "--model", str(folder)], capsys)


def test_a_class_whose_options_cannot_be_resolved_is_refused(arguments: list[str], capsys: Any) -> None:
    printed = expect_refusal([*arguments, "-o", "upo_plugins.lexical.objective:Lexical:0.1"], capsys)
    assert "LexicalOptions" in printed


def test_a_hub_name_while_offline_is_refused(
    arguments: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    printed = expect_refusal([*arguments, "--model", "some-org/some-model"], capsys)
    assert "some-org/some-model" in printed
    assert "HF_HUB_OFFLINE is set" in printed


def test_a_toxicity_model_that_must_be_downloaded_offers_what_need_not(
    arguments: list[str], capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "model=builtin" in expect_refusal([*arguments, "-o", "toxicity:0.3"], capsys)


def test_a_folder_in_use_and_a_place_that_cannot_be_written_are_refused(
    arguments: list[str], tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious", encoding="utf-8")
    assert "not empty" in expect_refusal([*arguments, "--output_dir", str(tmp_path / "mine")], capsys)
    assert (tmp_path / "mine" / "thesis.txt").read_text(encoding="utf-8") == "precious"
    blocked = tmp_path / "mine" / "thesis.txt" / "run"
    assert str(blocked) in expect_refusal([*arguments, "--output_dir", str(blocked)], capsys)
    assert "cannot be written" in expect_refusal([*arguments, "--output_dir", "/proc/upo-run"], capsys)


def test_pairs_that_truncation_makes_identical_are_refused(arguments: list[str], tmp_path: Path, capsys: Any) -> None:
    same = "word " * 30
    path = tmp_path / "d.jsonl"
    path.write_bytes(lines({"prompt": "x ", "chosen": same + "yes", "rejected": same + "no"}))
    printed = expect_refusal([*arguments, "--data", str(path), "--max_length", "16"], capsys)
    assert "identical" in printed
    assert "max_length" in printed


def test_only_one_of_model_and_data_is_refused(arguments: list[str], capsys: Any) -> None:
    assert "--data is missing" in expect_refusal(["train", *arguments[1:3]], capsys)
