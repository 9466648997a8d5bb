"""Two processes train the model that one trains with the batch of both."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

from upo_cli.main import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def train(folder: Path, model: Path, data: Path, *batch: str, ranks: int) -> dict[str, torch.Tensor]:
    settings = ["-o", "length:0.5,target=8", "--gate_steps", "1", "--optim", "sgd", "--learning_rate", "0.1"]
    places = ["--model", str(model), "--data", str(data), "--output_dir", str(folder)]
    settings += ["--set", "training.arguments.use_cpu=true", *places]
    if ranks == 1:
        with pytest.raises(SystemExit) as ended:
            main(["train", *settings, *batch])
        assert ended.value.code == 0
    else:
        launch(ranks, "train", *settings, *batch, cache=f"{folder}-cache")
    assert (folder / "run.json").is_file()
    return load_file(folder / "model.safetensors")


def launch(ranks: int, *arguments: str, cache: str) -> None:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={ranks}"]
    command = [sys.executable, *launcher, "-m", "upo_cli", *arguments]
    environment = {**os.environ, "UPO_CACHE_DIR": cache}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=240)
    assert ended.returncode == 0, ended.stderr


@pytest.mark.slow
def test_the_number_of_ranks_changes_nothing(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> None:
    def train_on(ranks: int) -> dict[str, torch.Tensor]:
        batch = ("--max_steps", "3", "--per_device_train_batch_size", str(4 // ranks))
        settings = ("-o", "kto", "--scale", "balanced", *batch)
        return train(tmp_path / str(ranks), model_folder("llama"), pairs_file, *settings, ranks=ranks)

    one, two = train_on(1), train_on(2)
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)


@pytest.mark.slow
def test_token_budgets_on_two_ranks_change_nothing_and_resume_in_the_second_epoch(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> None:
    epochs = ("-o", "dpo", "--num_train_epochs", "2")
    budget = (*epochs, "--tokens_per_batch", "80", "--save_steps", "1")
    whole_epoch = ("--gradient_accumulation_steps", "100")
    model, places = model_folder("llama"), [tmp_path / name for name in ("one", "two", "steps")]
    one = train(places[0], model, pairs_file, *epochs, "--per_device_train_batch_size", "12", ranks=1)
    two = train(places[1], model, pairs_file, *budget, *whole_epoch, ranks=2)
    assert all(torch.allclose(one[name], two[name], rtol=0, atol=1e-5) for name in one)
    whole = train(places[2], model, pairs_file, *budget, ranks=2)
    last = max(int(path.name.split("-")[1]) for path in places[2].glob("checkpoint-*"))
    resume = ("--resume_from_checkpoint", f"checkpoint-{last // 2 + 1}")
    resumed = train(places[2], model, pairs_file, *budget, *resume, ranks=2)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
