"""How rows are divided into batches changes no optimizer step, and a resumed run goes on where it was."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from upo_sdk import align
from upo_sdk.config import build_config

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk import RunRecord

pytestmark = pytest.mark.usefixtures("no_report")

ROWS = 12


@pytest.fixture
def run(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path
) -> Callable[..., tuple[RunRecord, dict[str, torch.Tensor]]]:
    """Return a function that trains with the given training settings, and returns the result and the weights."""

    def train(name: str, *, resume: str | None = None, **training: Any) -> tuple[RunRecord, dict[str, torch.Tensor]]:
        settings = {
            "model": str(model_folder("llama")),
            "data": str(pairs_file),
            "objectives": ["dpo", "length:0.5,target=8"],
            "loss": {"gate_steps": 1},
            "training": {"learning_rate": 0.1, "optim": "sgd", "logging_steps": 1, **training},
            "output_dir": str(tmp_path / name),
            "resume_from_checkpoint": resume,
        }
        result = align(build_config(settings))
        return result, load_file(result.output_dir / "model.safetensors")

    return train


def losses(result: RunRecord) -> list[float]:
    rows = [json.loads(line) for line in (result.output_dir / "metrics.jsonl").read_text().splitlines()]
    return [row["loss"] for row in rows if "loss" in row]


@pytest.mark.parametrize(
    "split",
    [
        {"per_device_train_batch_size": 1, "gradient_accumulation_steps": ROWS},
        {"per_device_train_batch_size": 5, "gradient_accumulation_steps": 3},
        {"tokens_per_batch": 160, "gradient_accumulation_steps": 100},
        {"tokens_per_batch": 160, "gradient_accumulation_steps": 100, "train_sampling_strategy": "group_by_length"},
    ],
    ids=["1x12", "5+5+2", "tokens", "tokens grouped"],
)
def test_an_optimizer_step_is_the_mean_over_its_rows_however_they_are_split(
    run: Callable[..., tuple[RunRecord, dict[str, torch.Tensor]]], split: dict[str, Any]
) -> None:
    whole, expected = run("whole", num_train_epochs=3, per_device_train_batch_size=ROWS)
    parts, found = run("parts", num_train_epochs=3, **split)
    assert whole.steps == parts.steps == 3
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-5)
    assert all(torch.allclose(expected[name], found[name], rtol=0, atol=1e-5) for name in expected)


@pytest.mark.parametrize("strategy", ["random", "group_by_length"])
def test_a_run_resumed_in_its_second_epoch_equals_an_uninterrupted_one_bit_for_bit(
    run: Callable[..., tuple[RunRecord, dict[str, torch.Tensor]]], strategy: str
) -> None:
    settings = {"num_train_epochs": 2, "tokens_per_batch": 160, "train_sampling_strategy": strategy}
    whole, expected = run("whole", **settings)
    saved, _ = run("parts", save_steps=1, **settings)
    after_the_first_of_the_second = whole.steps // 2 + 1
    resumed, found = run("parts", resume=f"checkpoint-{after_the_first_of_the_second}", save_steps=1, **settings)
    assert whole.steps == saved.steps == resumed.steps > 3
    assert losses(resumed) == losses(whole)
    assert all(torch.equal(expected[name], found[name]) for name in expected)
