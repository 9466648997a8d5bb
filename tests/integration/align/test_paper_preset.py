"""``--preset paper`` is what the paper states, number by number, and what a run then does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from upo_sdk import align
from upo_sdk.config import build_config, preset
from upo_sdk.loss import UnifiedLoss

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CONFIG = build_config(preset("paper"), {"data": "pairs.jsonl"})


@pytest.mark.parametrize(
    ("section", "numbers"),
    [
        (
            "loss",
            {
                "scale": "paper",
                "gamma": 0.5,
                "lambda_": 5.0,
                "expectile": 0.7,
                "gate_steps": 100,
                "baseline": "value",
                "length_normalization": "auto",  # the mean over tokens
                "advantage_cap": None,
                "value_coefficient": 0.1,
                "value_learning_rate": 1e-3,
                "value_max_grad_norm": 0.1,
            },
        ),
        (
            "training",
            {
                "optim": "rmsprop",
                "learning_rate": 5e-7,
                "lr_scheduler_type": "constant_with_warmup",
                "warmup_steps": 150,
                "num_train_epochs": 1,
                "max_steps": -1,
                "per_device_train_batch_size": 16,  # pairs: 32 completions
                "gradient_accumulation_steps": 1,
                "weight_decay": 0,
                "max_grad_norm": 10,
                "bf16": True,
            },
        ),
    ],
)
def test_each_number_is_the_papers(section: str, numbers: dict[str, object]) -> None:
    resolved = getattr(CONFIG, section)
    assert {name: getattr(resolved, name) for name in numbers} == numbers


def test_the_objectives_and_their_weights_are_the_papers() -> None:
    assert [str(ref) for ref in CONFIG.objectives] == ["kto:1", "toxicity:0.95", "lexical:0.05"]
    assert preset("paper")["data"] == {"max_length": 2048, "max_prompt_length": 1024}


def test_the_actor_term_is_off_in_the_first_hundred_optimizer_steps_and_on_in_the_next() -> None:
    unified = UnifiedLoss([], config=CONFIG.loss)
    taken = (0, 99, 100, 101)  # optimizer steps before the one that is taken
    assert [unified.actor_coefficient(step) for step in taken] == [0, 0, 0.5, 0.5]


@pytest.mark.usefixtures("no_report")
def test_a_run_warms_up_and_keeps_its_learning_rate(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> None:
    objectives = ["kto", "toxicity:0.95,model=builtin", "lexical:0.05"]
    training = {"max_steps": 5, "warmup_steps": 3, "logging_steps": 1, "per_device_train_batch_size": 2}
    paths = {
        "model": str(model_folder("llama")),
        "data": {"path": str(pairs_file)},
        "output_dir": str(tmp_path / "run"),
    }
    folder = align(build_config(preset("paper"), paths, {"objectives": objectives, "training": training})).output_dir
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    rates = [row["learning_rate"] for row in rows if "learning_rate" in row]
    assert rates == pytest.approx([0, 5e-7 / 3, 2 * 5e-7 / 3, 5e-7, 5e-7])
