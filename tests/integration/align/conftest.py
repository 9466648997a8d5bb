"""Settings of a short run, and the weights that runs leave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from upo_sdk.config import build_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk import RunConfig


@pytest.fixture
def settings(model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "model": str(model_folder("llama")),
        "data": str(pairs_file),
        "objectives": ["dpo", "length:0.5,target=8", "lexical:0.1,metric=diversity"],
        "loss": {"gate_steps": 1},
        "training": {
            "max_steps": 4,
            "learning_rate": 1e-3,
            "per_device_train_batch_size": 4,
            "logging_steps": 1,
            "save_steps": 2,
        },
        "output_dir": str(tmp_path / "run"),
    }


def config(settings: dict[str, Any], *more: dict[str, Any]) -> RunConfig:
    return build_config(settings, *more)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(torch.equal(left[name], right[name]) for name in left)
