"""Settings of a short run, an objective that writes down what it scores, and points in this process."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from sweeping import InProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


COUNTED = """
import os
from upo_sdk.objectives import auxiliary_objective

@auxiliary_objective
def brief(prompt, response):
    with open(os.environ["COUNTED"], "a") as file:
        file.write(f"{prompt}|{response}\\n")
    if os.environ.get("BROKEN") == "1":
        raise RuntimeError("the scorer is down")
    return 1 / len(response)
"""


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Plant ``counted_rewards:brief`` and return the file in which it writes what it scores."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "counted_rewards.py").write_text(COUNTED)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "counted_rewards", raising=False)
    monkeypatch.setenv("COUNTED", str(tmp_path / "counted.txt"))
    return tmp_path / "counted.txt"


@pytest.fixture
def base(model_folder: Callable[[str], Path], pairs_file: Path) -> dict[str, Any]:
    return {
        "model": str(model_folder("gpt2")),
        "data": {"path": str(pairs_file), "eval_path": str(pairs_file), "max_length": 64},
        "loss": {"gate_steps": 0},
        "training": {"max_steps": 4, "per_device_train_batch_size": 3, "logging_steps": 1, "learning_rate": 1e-3},
        "eval_prompts": 4,
        "eval_max_new_tokens": 4,
    }


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch, no_report: None) -> None:  # noqa: ARG001 - of its points
    monkeypatch.setattr("upo_sdk.sweep.runner.PointProcess", InProcess)
