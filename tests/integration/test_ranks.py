"""Two processes train the model that one trains with the batch of both."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from upo_cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable

LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
LAUNCHED = str(Path(__file__).parents[1] / "support" / "launched.py")


def command(model: Path, data: Path, *settings: str) -> list[str]:
    fixed = ["-o", "length:0.5,target=8", "--gate_steps", "1", "--optim", "sgd", "--learning_rate", "0.1"]
    places = ["--model", str(model), "--data", str(data)]
    return ["train", *fixed, "--set", "training.arguments.use_cpu=true", *places, *settings]


def train_here(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0


def launch(*arguments: str) -> None:
    ended = subprocess.run([*LAUNCH, *arguments], capture_output=True, text=True, check=False, timeout=240)
    assert ended.returncode == 0, ended.stderr


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
    launch("-m", "upo_cli", *train_on(2))
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
