"""Stopping a run, and going on with it."""

from __future__ import annotations

import json
import shutil
import threading
from typing import TYPE_CHECKING, Any

import pytest
from recorder import Recorder
from safetensors.torch import load_file, save_file

from upo_sdk import align, load_run
from upo_sdk.errors import CancelledError, OutputError, TrainingError
from upo_sdk.events import Notice, PlanReady, Progress, StepLogged

from .conftest import config, same, weights

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.usefixtures("no_report")
def test_a_resumed_run_equals_an_uninterrupted_one_bit_for_bit(settings: dict[str, Any], tmp_path: Path) -> None:
    whole = align(config(settings, {"output_dir": str(tmp_path / "whole")}))
    align(config(settings))
    for name in ("model.safetensors", "run.json"):
        (tmp_path / "run" / name).unlink()
    resumed = align(config(settings, {"resume_from_checkpoint": "checkpoint-2"}))
    assert same(weights(whole.output_dir), weights(resumed.output_dir))
    rows = (resumed.output_dir / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(row)["step"] for row in rows if '"loss"' in row] == [1, 2, 3, 4]


@pytest.mark.usefixtures("no_report")
def test_a_damaged_checkpoint_is_named_and_the_newest_whole_one_is_resumed(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = weights(align(config(settings)).output_dir)
    run = tmp_path / "run"
    optimizer = run / "checkpoint-4" / "optimizer.pt"
    optimizer.write_bytes(optimizer.read_bytes()[:100])
    (run / "checkpoint-2").rename(run / "checkpoint-1")  # of an older version, without checksums and record
    for name in ("checksums.json", "trained_with.json"):
        (run / "checkpoint-1" / name).unlink()
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 3, "lo')  # what a kill leaves
    recorder = Recorder()
    resumed = align(config(settings, {"resume_from_checkpoint": "last"}), callbacks=[recorder])
    assert resumed.steps == 4
    assert same(whole, weights(run))
    warnings = [event.text for event in recorder.events if isinstance(event, Notice) and event.level == "warning"]
    assert any("checkpoint-4 is damaged: optimizer.pt" in text and "checkpoint-1" in text for text in warnings)


@pytest.mark.usefixtures("no_report")
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed")])
def test_a_disk_that_is_full_while_saving_is_said_and_leaves_no_checkpoint(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: Exception
) -> None:
    def fail(_folder: Path) -> None:
        raise error

    monkeypatch.setattr("upo_sdk.training.trainer.seal", fail)
    with pytest.raises(TrainingError, match="the checkpoint cannot be written") as raised:
        align(config(settings))
    assert "free some space" in str(raised.value)
    assert list((tmp_path / "run").glob("checkpoint-*")) == []


@pytest.mark.usefixtures("no_report")
def test_a_changed_setting_is_refused_before_any_work_unless_it_is_allowed(settings: dict[str, Any]) -> None:
    align(config(settings))
    change = {"training": {"learning_rate": 2e-3, "max_steps": 5}, "resume_from_checkpoint": "checkpoint-4"}
    recorder = Recorder()
    with pytest.raises(OutputError, match=r"learning_rate 0\.001 → 0\.002.*; steps: .*steps 4 → 5"):
        align(config(settings, change), callbacks=[recorder])
    assert not any(isinstance(event, PlanReady) for event in recorder.events)
    allowed = {"training": {**change["training"], "allow_changed": ["learning_rate", "steps"]}}
    resumed = align(config(settings, change, allowed))
    assert resumed.steps == 5
    record = json.loads((resumed.output_dir / "run.json").read_text(encoding="utf-8"))
    assert record["changed_on_resuming"]["learning_rate"] == ["learning_rate 0.001 → 0.002, from checkpoint-4"]
    checkpoint = json.loads((resumed.output_dir / "checkpoint-5/trained_with.json").read_text(encoding="utf-8"))
    assert checkpoint["changed_on_resuming"] == record["changed_on_resuming"]
    assert record["trained_with"]["learning_rate"]["learning_rate"] == 2e-3
    rows = map(json.loads, (resumed.output_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines())
    rates = {row["step"]: row["learning_rate"] for row in rows if "learning_rate" in row}
    assert rates[5] == pytest.approx(2e-3 / 5)  # the fifth of five steps that fall to zero


@pytest.mark.usefixtures("no_report")
def test_resuming_from_the_last_step_trains_no_further_and_another_base_model_is_refused(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = weights(align(config(settings)).output_dir)
    base = shutil.copytree(settings["model"], tmp_path / "base")
    moved = {"model": str(base), "resume_from_checkpoint": "checkpoint-4"}
    finished = align(config(settings, moved))
    assert finished.steps == 4
    assert same(whole, weights(finished.output_dir))
    tensors = load_file(base / "model.safetensors")
    save_file({**tensors, "model.norm.weight": tensors["model.norm.weight"] + 1}, base / "model.safetensors")
    with pytest.raises(OutputError, match="model: weights_sha256"):
        align(config(settings, moved))


@pytest.mark.usefixtures("no_report")
def test_cancelling_ends_with_a_checkpoint_that_goes_on_to_the_same_model(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    whole = align(config(settings, {"output_dir": str(tmp_path / "whole")}))
    cancel = threading.Event()
    stop_at_one = Recorder(lambda event: cancel.set() if isinstance(event, StepLogged) and event.step == 1 else None)
    first = align(config(settings), callbacks=[stop_at_one], cancel=cancel)
    assert first.status == "cancelled"
    assert first.steps < 4
    assert first.checkpoint is not None
    assert load_run(first.output_dir) == first
    assert not (first.output_dir / "model.safetensors").exists()
    second = align(config(settings, {"resume_from_checkpoint": "last"}))
    assert second.status == "completed"
    assert same(weights(whole.output_dir), weights(second.output_dir))


def test_cancelling_while_scoring_stops_at_once_and_leaves_no_folder(settings: dict[str, Any], tmp_path: Path) -> None:
    cancel = threading.Event()
    stop = Recorder(lambda event: cancel.set() if isinstance(event, Progress) else None)
    with pytest.raises(CancelledError, match="cancelled before training"):
        align(config(settings), callbacks=[stop], cancel=cancel)
    assert not (tmp_path / "run").exists()


def test_a_cancelled_run_has_a_report_too(settings: dict[str, Any]) -> None:
    cancel = threading.Event()
    recorder = Recorder(lambda event: cancel.set() if isinstance(event, StepLogged) and event.step == 2 else None)
    result = align(config(settings), callbacks=[recorder], cancel=cancel)
    assert result.status == "cancelled"
    assert "The run was stopped after" in (result.output_dir / "report.html").read_text(encoding="utf-8")
