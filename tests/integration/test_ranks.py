"""Two processes train the model that one trains with the batch of both."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

import upo_cli
from upo_cli.main import main
from upo_sdk.cache import CACHE_FILE

if TYPE_CHECKING:
    from collections.abc import Callable

LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
CONFIGS = Path(upo_cli.__file__).parent / "accelerate"
ROWS = 80
LAUNCHED = str(Path(__file__).parents[1] / "support" / "launched.py")


def command(model: Path, data: Path, *settings: str) -> list[str]:
    fixed = ["-o", "length:0.5,target=8", "--gate_steps", "1", "--optim", "sgd", "--learning_rate", "0.1"]
    places = ["--model", str(model), "--data", str(data)]
    return ["train", *fixed, "--set", "training.arguments.use_cpu=true", *places, *settings]


def train_here(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0


def launch(*arguments: str) -> subprocess.CompletedProcess[str]:
    ended = subprocess.run([*LAUNCH, *arguments], capture_output=True, text=True, check=False, timeout=240)
    assert ended.returncode == 0, ended.stderr
    return ended


def trained(folder: Path) -> dict[str, torch.Tensor]:
    assert (folder / "run.json").is_file()
    return load_file(folder / "model.safetensors")


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_the_number_of_ranks_changes_nothing(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_on(ranks: int) -> list[str]:
        batch = ("--max_steps", "3", "--per_device_train_batch_size", str(4 // ranks))
        settings = ("-o", "kto", "--scale", "balanced", *batch, "--output_dir", str(tmp_path / str(ranks)))
        return command(model_folder("llama"), pairs_file, *settings)

    train_here(train_on(1))
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "another-cache"))
    ended = subprocess.run(
        [sys.executable, "-m", "upo_cli", *train_on(2), "--num_processes", "2"],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr
    one, two = trained(tmp_path / "1"), trained(tmp_path / "2")
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_token_budgets_on_two_ranks_change_nothing_and_resume_in_the_second_epoch(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_into(name: str, *settings: str) -> list[str]:
        epochs = ("-o", "dpo", "--num_train_epochs", "2", "--output_dir", str(tmp_path / name))
        return command(model_folder("llama"), pairs_file, *epochs, *settings)

    train_here(train_into("one", "--per_device_train_batch_size", "12"))
    budget = ("--tokens_per_batch", "80", "--save_steps", "1")
    two = train_into("two", *budget, "--gradient_accumulation_steps", "100")
    whole = train_into("whole", *budget)
    resumed = train_into("resumed", *budget, "--resume_from_checkpoint", str(tmp_path / "whole" / "checkpoint-4"))
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "another-cache"))
    launch(LAUNCHED, json.dumps([two, whole, resumed]))
    assert {path.name for path in (tmp_path / "whole").glob("checkpoint-*")} == {f"checkpoint-{n}" for n in range(1, 7)}
    one, others = trained(tmp_path / "one"), [trained(tmp_path / name) for name in ("two", "whole", "resumed")]
    assert all(torch.allclose(one[name], others[0][name], rtol=0, atol=1e-5) for name in one)
    assert all(torch.equal(others[1][name], others[2][name]) for name in one)


def rows_file(folder: Path) -> Path:
    rows = [{"prompt": f"a {n}", "chosen": f"b c {n}", "rejected": f"d {n}"} for n in range(ROWS)]
    path = folder / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def cached(folder: Path) -> dict[bytes, bytes]:
    with closing(sqlite3.connect(folder / CACHE_FILE)) as connection:
        return dict(connection.execute("SELECT key, value FROM entries"))


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_two_ranks_with_a_cache_each_share_the_work_and_have_the_values_of_one_process(
    model_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = rows_file(tmp_path)

    def train_on(ranks: int) -> list[str]:
        answers = ("--eval_prompts", "8", "--eval_max_new_tokens", "4")
        batch = ("--per_device_train_batch_size", str(40 // ranks), "--per_device_eval_batch_size", "4")
        settings = (
            "-o",
            "dpo",
            *batch,
            *answers,
            "--num_train_epochs",
            "1",
            "--output_dir",
            str(tmp_path / str(ranks)),
        )
        return command(model_folder("llama"), data, *settings, "--max_length", "24")

    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "alone"))
    train_here(train_on(1))
    monkeypatch.setenv("RANKS_FOLDER", str(tmp_path / "ranks"))
    printed = launch(LAUNCHED, json.dumps([train_on(2)]))
    alone, *shared = (cached(tmp_path / name) for name in ("alone", "ranks/0", "ranks/1"))
    assert shared[0] == shared[1]
    assert len(alone.keys() & shared[0].keys()) >= ROWS * 4 + 8  # all but what the trained model does
    assert all(shared[0][key] == alone[key] for key in alone.keys() & shared[0].keys())
    work = [json.loads((tmp_path / "ranks" / rank / "work.json").read_text()) for rank in "01"]
    assert [(one["log-probs"], one["answers"]) for one in work] == [(ROWS, 8), (ROWS, 8)]
    assert all(0 < one["rewards"] < ROWS * 2 for one in work)
    lines = Counter(printed.stderr.splitlines())
    assert max(lines[line] for line in lines if line.startswith(("note:", "warning:", "scoring", "reference"))) == 1
    assert lines[f"scoring training completions with length (completions): {ROWS * 2} done"] == 1


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_a_rank_that_fails_ends_all_and_its_reason_is_printed_once(
    model_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAILING_RANK", "1")
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "cache"))
    settings = command(model_folder("llama"), rows_file(tmp_path), "-o", "dpo", "--output_dir", str(tmp_path / "out"))
    ended = subprocess.run(
        [*LAUNCH, LAUNCHED, json.dumps([settings])], capture_output=True, text=True, check=False, timeout=240
    )
    assert ended.returncode != 0
    assert ended.stderr.count("error: ") == 1
    assert "this scorer is broken" in ended.stderr
    assert not (tmp_path / "out" / "run.json").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("no_report")
def test_fsdp2_trains_saves_and_answers_as_one_process_does_and_resumes(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train_into(name: str, batch: int, *settings: str) -> list[str]:
        answers = ("--eval_prompts", "2", "--eval_max_new_tokens", "2", "--max_steps", "4")
        places = ("-o", "dpo", "--per_device_train_batch_size", str(batch), "--output_dir", str(tmp_path / name))
        arguments = command(model_folder("llama"), pairs_file, *answers, *places, *settings)
        return [{"sgd": "adamw_torch", "0.1": "0.001"}.get(word, word) for word in arguments]

    train_here(train_into("one", 4))
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "another-cache"))
    two = train_into("two", 2, "--save_steps", "2")
    resumed = train_into(
        "resumed", 2, "--save_steps", "2", "--resume_from_checkpoint", str(tmp_path / "two" / "checkpoint-2")
    )
    launcher = [sys.executable, "-m", "accelerate.commands.accelerate_cli", "launch", "--num_processes", "2"]
    script = str(Path(LAUNCHED).with_name("launched_fsdp.py"))
    ended = subprocess.run(
        [*launcher, "--config_file", str(CONFIGS / "fsdp2.yaml"), script, json.dumps([two, resumed])],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert ended.returncode == 0, ended.stderr
    one, *others = [trained(tmp_path / name) for name in ("one", "two", "resumed")]
    assert one.keys() == others[0].keys()
    assert all(torch.allclose(one[name], others[0][name], rtol=0, atol=1e-5) for name in one)
    assert all(torch.equal(others[0][name], others[1][name]) for name in one)
    records = [json.loads((tmp_path / name / "run.json").read_text()) for name in ("two", "resumed")]
    assert [(record["status"], record["evaluation"] is not None) for record in records] == [("completed", True)] * 2
