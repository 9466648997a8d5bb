"""Whole runs with ``scale: balanced``: where γ comes from, what keeps it, and what does not touch it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import torch
from safetensors.torch import load_file

from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.events import Notice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.events import Event

pytestmark = pytest.mark.usefixtures("no_report")


@pytest.fixture
def settings(model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "model": str(model_folder("llama")),
        "data": str(pairs_file),
        "objectives": ["dpo", "length:0.5,target=8"],
        "loss": {"gate_steps": 1, "scale": "balanced"},
        "training": {
            "num_train_epochs": 1,
            "learning_rate": 1e-2,
            "per_device_train_batch_size": 4,
            "logging_steps": 1,
            "save_steps": 2,
        },
        "output_dir": str(tmp_path / "run"),
    }


class Notices:
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_event(self, event: Event, /) -> None:
        if isinstance(event, Notice):
            self.texts.append(event.text)


def run(settings: dict[str, Any], *more: dict[str, Any], callbacks: tuple[Notices, ...] = ()) -> dict[str, Any]:
    """Return what the manifest says of the loss."""
    folder = align(build_config(settings, *more), callbacks=callbacks).output_dir
    record: dict[str, Any] = json.loads((folder / "run.json").read_text(encoding="utf-8"))["loss"]
    return record


@pytest.mark.parametrize("objective", ["dpo", "simpo"])
def test_gamma_does_not_depend_on_the_batches_and_is_said(
    settings: dict[str, Any], tmp_path: Path, objective: str
) -> None:
    notices = Notices()
    objectives = {"objectives": [objective, "length:0.5,target=8"]}
    big = run(settings, objectives, callbacks=(notices,))
    batches = {"per_device_train_batch_size": 1, "per_device_eval_batch_size": 1, "gradient_accumulation_steps": 4}
    small = run(settings, objectives, {"training": {**batches, "seed": 7}, "output_dir": str(tmp_path / "small")})
    assert small["gamma"] == big["gamma"] > 0
    assert big["normalization"] == {"dpo": "sum", "simpo": "token-mean"}[objective]
    assert big["balance"]["ratio"] == 0.5
    assert any(f"γ is {big['gamma']:g}" in text and "0.5 times as hard" in text for text in notices.texts)


def test_gamma_is_that_of_all_the_data_for_every_seed_of_a_run_that_needs_a_few_rows(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    found = {
        name: run(settings, {"training": {"max_steps": steps, "seed": seed}, "output_dir": str(tmp_path / name)})
        for name, steps, seed in (("whole", -1, 1), ("one", 1, 1), ("two", 1, 2))
    }
    assert found["one"]["gamma"] == found["two"]["gamma"] == found["whole"]["gamma"]
    assert found["one"]["rows"] == found["whole"]["rows"] > 4


def test_a_resumed_run_keeps_its_gamma_and_ends_bit_for_bit_alike(settings: dict[str, Any], tmp_path: Path) -> None:
    whole = run(settings, {"output_dir": str(tmp_path / "whole")})
    run(settings)
    folder = tmp_path / "run"
    (folder / "model.safetensors").unlink()
    assert run(settings, {"resume_from_checkpoint": "checkpoint-2"}) == whole
    expected, found = (load_file(path / "model.safetensors") for path in (tmp_path / "whole", folder))
    assert all(torch.equal(expected[name], tensor) for name, tensor in found.items())
    manifest = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    manifest["loss"]["balance"]["gamma"] = 0.125
    (folder / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert run(settings, {"resume_from_checkpoint": "checkpoint-2"})["gamma"] == 0.125


@pytest.mark.parametrize(
    "objectives", [["dpo", "length:1.0,target=8"], ["dpo,beta=0.4", "length:0.5,target=8"]], ids=["weight", "beta"]
)
def test_a_run_resumed_with_other_objectives_finds_its_own_gamma(
    settings: dict[str, Any], tmp_path: Path, objectives: list[str]
) -> None:
    first = run(settings)["gamma"]
    whole = run(settings, {"objectives": objectives, "output_dir": str(tmp_path / "whole")})["gamma"]
    change = {"objectives": objectives, "training": {"allow_changed": ["objectives"]}}
    resumed = run(settings, {**change, "resume_from_checkpoint": "checkpoint-2"})["gamma"]
    assert resumed == whole != first


def test_without_auxiliary_objectives_there_is_nothing_to_balance(settings: dict[str, Any]) -> None:
    notices = Notices()
    record = run(settings, {"objectives": ["dpo", "length:0,target=8"]}, callbacks=(notices,))
    assert record["gamma"] is None
    assert any("nothing to balance" in text for text in notices.texts)


def test_scale_paper_trains_with_the_gamma_that_was_given(settings: dict[str, Any]) -> None:
    record = run(settings, {"loss": {"scale": "paper", "gamma": 0.75}})
    assert (record["gamma"], record["normalization"]) == (0.75, "token-mean")
    assert record["balance"] is None
