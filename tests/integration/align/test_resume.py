"""Stopping a run, and going on with it."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from recorder import Recorder

from upo_sdk import align
from upo_sdk.errors import CancelledError
from upo_sdk.events import Progress, StepLogged

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
