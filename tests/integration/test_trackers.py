"""Trackers: what a run leaves in TensorBoard and W&B files, read back, and what it leaves alone."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest
from recorder import Recorder

from upo_sdk import align
from upo_sdk.config import build_config
from upo_sdk.errors import ConfigError, TrainingError
from upo_sdk.events import PlanReady, StepLogged

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from upo_sdk.events import Event

pytestmark = pytest.mark.usefixtures("no_report")

SECRET = "s3cr3t-word"


@pytest.fixture(autouse=True)
def exit_hooks_are_given_back() -> Iterator[None]:
    """Check that no run leaves ``sys.exit`` and ``sys.excepthook`` as wandb replaces them."""
    before = sys.exit, sys.excepthook
    yield
    assert (sys.exit, sys.excepthook) == before


@pytest.fixture
def settings(
    model_folder: Callable[[str], Path], pairs_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for name in list(os.environ):
        if name.startswith(("WANDB_", "TENSORBOARD_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("WANDB_CONFIG_DIR", str(tmp_path / "wandb-config"))
    return {
        "model": str(model_folder("llama")),
        "data": {"path": str(pairs_file), "eval_fraction": 0.3},
        "objectives": ["dpo", "length:0.5,target=8"],
        "loss": {"gate_steps": 1},
        "training": {"max_steps": 4, "logging_steps": 2, "eval_steps": 2, "save_steps": 2},
        "output_dir": str(tmp_path / "run"),
    }


def with_tracker(settings: dict[str, Any], names: str, **more: Any) -> dict[str, Any]:
    return {**settings, **more, "training": {**settings["training"], "report_to": names}}


def rows(folder: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def expected(folder: Path) -> dict[tuple[str, int], float]:
    """Return the values of metrics.jsonl under the documented names."""
    found: dict[tuple[str, int], float] = {}
    for row in rows(folder):
        for name, value in row.items():
            if name in {"schema_version", "step", "total_flos"}:
                continue
            shown = "mean_loss" if name == "train_loss" else name.removeprefix("train_")
            group, metric = ("eval", shown[5:]) if shown.startswith("eval_") else ("train", shown)
            found[f"{group}/{metric}", int(row["step"])] = value
    return found


def tensorboard_values(folder: Path) -> dict[tuple[str, int], float]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {(tag, item.step): item.value for tag in events.Tags()["scalars"] for item in events.Scalars(tag)}


def wandb_records(folder: Path) -> Iterator[Any]:
    """Read an offline file: a LevelDB log (32 KiB blocks, records of checksum, length, kind) behind seven bytes."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("offline-run-*/run-*.wandb")
    data, place, parts = path.read_bytes(), 7, b""
    while place + 7 <= len(data):
        if (left := 32768 - place % 32768) < 7:
            place += left
            continue
        length, kind = int.from_bytes(data[place + 4 : place + 6], "little"), data[place + 6]
        parts += data[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in {1, 4}:  # a whole record, or the last part of one
            record = Record()
            record.ParseFromString(parts)
            parts = b""
            yield record


def wandb_values(folder: Path) -> dict[tuple[str, int], float]:
    found: dict[tuple[str, int], float] = {}
    for record in wandb_records(folder):
        if record.WhichOneof("record_type") != "history":
            continue
        row = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
        step = int(row.pop("train/global_step"))
        found |= {(name, step): value for name, value in row.items() if not name.startswith("_")}
    return found


def test_both_trackers_have_every_metric_under_the_same_name_and_only_in_the_run_folder(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    recorder, environment, hook = Recorder(), dict(os.environ), sys.excepthook
    result = align(build_config(with_tracker(settings, "tensorboard, wandb")), callbacks=[recorder])
    wanted = expected(result.output_dir)
    assert {name for name, _ in wanted} >= {
        "train/loss",
        "train/objective/length/share",
        "eval/loss",
        "eval/rewards/accuracies",
        "train/runtime",
        "train/mean_loss",
    }
    assert tensorboard_values(result.output_dir / "runs") == pytest.approx(wanted, rel=1e-6, nan_ok=True)
    assert wandb_values(result.output_dir / "wandb") == pytest.approx(wanted, rel=1e-6, nan_ok=True)
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert (dict(os.environ), sys.excepthook) == (environment, hook)
    assert any("wandb: no API key, so the run is recorded offline" in text for text in recorder.notices)


def test_no_tracker_gets_a_secret(settings: dict[str, Any], tmp_path: Path) -> None:
    arguments = {"run_name": f"https://user:{SECRET}@host/path?api_key={SECRET}"}
    more = with_tracker(settings, "tensorboard,wandb")
    more["training"] = {**more["training"], "arguments": arguments, "max_steps": 1, "save_steps": 0}
    align(build_config(more))
    files = [path for kind in ("runs", "wandb") for path in (tmp_path / "run" / kind).rglob("*") if path.is_file()]
    assert files
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_the_trackers_know_the_configuration_of_the_run(settings: dict[str, Any], tmp_path: Path) -> None:
    more = with_tracker(settings, "tensorboard,wandb")
    more["training"] = {**more["training"], "max_steps": 1, "save_steps": 0}
    align(build_config(more))
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(tmp_path / "run" / "runs"))
    events.Reload()
    shown = events.Tensors("config/text_summary")[0].tensor_proto.string_val[0].decode()
    assert '"name": "length"' in shown
    updates = [record.config.update for record in wandb_records(tmp_path / "run" / "wandb")]
    runs = [record.run.config.update for record in wandb_records(tmp_path / "run" / "wandb")]
    sent = {item.key: json.loads(item.value_json) for update in (*runs, *updates) for item in update}
    assert sent["objectives"][1]["name"] == "length"
    assert sent["learning_rate"] == 1e-6


def test_a_resumed_run_shows_every_step_once(settings: dict[str, Any], tmp_path: Path) -> None:
    more = with_tracker(settings, "tensorboard")
    align(build_config(more))
    align(build_config(more, {"resume_from_checkpoint": "checkpoint-2"}))
    assert len(list((tmp_path / "run" / "runs").iterdir())) == 2
    found = tensorboard_values(tmp_path / "run" / "runs")
    wanted = expected(tmp_path / "run")
    steady = {key: value for key, value in wanted.items() if "_per_second" not in key[0] and "runtime" not in key[0]}
    assert {key: found[key] for key in steady} == pytest.approx(steady, rel=1e-6, nan_ok=True)


def test_a_run_that_fails_is_a_failed_run_for_the_tracker(settings: dict[str, Any], tmp_path: Path) -> None:
    class Breaks(Recorder):
        def on_event(self, event: Event, /) -> None:
            if isinstance(event, StepLogged):
                raise ArithmeticError  # noqa: TRY004 - any error of a callback

    with pytest.raises(ArithmeticError):
        align(build_config(with_tracker(settings, "wandb")), callbacks=[Breaks()])
    codes = [record.exit.exit_code for record in wandb_records(tmp_path / "run" / "wandb") if record.HasField("exit")]
    assert codes == [1]
    import wandb

    assert wandb.run is None


def test_a_tracker_that_fails_in_between_is_left_out_and_the_run_goes_on(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr("transformers.integrations.TensorBoardCallback.on_log", full)
    recorder = Recorder()
    result = align(build_config(with_tracker(settings, "tensorboard")), callbacks=[recorder])
    assert result.status == "completed"
    assert recorder.notices.count("tensorboard failed at step 2 and is left out: the disk is full") == 1


def test_a_tracker_that_cannot_be_opened_ends_the_run_before_its_first_step(
    settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "file"))
    recorder = Recorder()
    with pytest.raises(TrainingError, match="tensorboard cannot record the run"):
        align(build_config(with_tracker(settings, "tensorboard")), callbacks=[recorder])
    assert not any(isinstance(event, StepLogged) for event in recorder.events)


def test_without_report_to_nothing_is_tracked(settings: dict[str, Any], tmp_path: Path) -> None:
    settings["training"] |= {"max_steps": 1, "save_steps": 0}
    align(build_config(settings))
    assert not {"runs", "wandb", "mlflow"} & {entry.name for entry in (tmp_path / "run").iterdir()}


def test_an_unknown_tracker_is_refused_before_any_work(settings: dict[str, Any], tmp_path: Path) -> None:
    recorder = Recorder()
    with pytest.raises(ConfigError, match="no tracker 'tensorbord'") as caught:
        align(build_config(with_tracker(settings, "wandb,tensorbord")), callbacks=[recorder])
    assert "did you mean 'tensorboard'?" in str(caught.value)
    assert not any(isinstance(event, PlanReady) for event in recorder.events)
    assert not (tmp_path / "run").exists()
