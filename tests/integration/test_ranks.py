"""Two processes train the model that one trains with the batch of both."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def train(folder: Path, model: Path, data: Path, *, ranks: int) -> dict[str, torch.Tensor]:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={ranks}"] if ranks > 1 else []
    objectives = ["-o", "kto", "-o", "length:0.5,target=8"]
    settings = ["--max_steps", "3", "--gate_steps", "1", "--optim", "sgd", "--learning_rate", "0.1"]
    batch = ["--per_device_train_batch_size", str(4 // ranks), "--set", "training.arguments.use_cpu=true"]
    places = ["--model", str(model), "--data", str(data), "--output_dir", str(folder)]
    command = [sys.executable, *launcher, "-m", "upo_cli", "train", *objectives, *settings, *batch, *places]
    environment = {**os.environ, "UPO_CACHE_DIR": str(folder) + "-cache"}
    ended = subprocess.run(command, capture_output=True, text=True, env=environment, check=False, timeout=240)
    assert ended.returncode == 0, ended.stderr
    assert (folder / "run.json").is_file()
    return load_file(folder / "model.safetensors")


@pytest.mark.slow
def test_the_number_of_ranks_changes_nothing(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> None:
    one = train(tmp_path / "one", model_folder("llama"), pairs_file, ranks=1)
    two = train(tmp_path / "two", model_folder("llama"), pairs_file, ranks=2)
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)
