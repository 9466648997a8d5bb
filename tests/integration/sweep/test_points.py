"""Whole sweeps of a tiny model, with points in this process."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
from sweeping import Log, asked

from upo_sdk.config import build_config, read_config_file
from upo_sdk.errors import ConfigError, OutputError
from upo_sdk.sweep import resume_sweep, sweep
from upo_sdk.sweep.point import run_point

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.records import SweepRecord
    from upo_sdk.sweep.process import Channel, PointMessage


def table_of(found: SweepRecord) -> dict[str, dict[str, float]]:
    return {row.name: {name: metric.value.mean for name, metric in row.metrics.items()} for row in found.rows}


@pytest.mark.usefixtures("in_process")
def test_points_share_scores_and_reference_and_the_base_models_answers(
    base: dict[str, Any], counted: Path, tmp_path: Path
) -> None:
    found = sweep(asked(base, tmp_path / "s", "counted_rewards:brief:0,0.3,as=brief", "dpo:beta=0.1,0.2", jobs=2))
    assert [point.status for point in found.points] == ["done"] * 4
    assert {metric for row in found.rows for metric in row.metrics} >= {"accuracy", "reward/brief", "kl"}
    assert all("reward/brief" in row.metrics for row in found.rows)  # also where its weight is zero
    assert "reward/brief" in found.baseline
    assert max(Counter(counted.read_text().splitlines()).values()) == 1
    computed = [
        {task: sum(use.computed for use in point.cache if use.task == task) for task in ("reference", "base answers")}
        for point in found.points
    ]
    assert computed[0]["reference"] == 18 + 12  # of the run, and of the evaluation, whose rows are its own
    assert [use.task for use in found.points[0].cache].count("reference") == 3  # two splits, and the evaluation
    assert computed[0]["base answers"] > 0
    assert computed[1:] == [{"reference": 0, "base answers": 0}] * 3
    scored = [sum(use.computed for use in point.cache if use.task == "scoring") for point in found.points]
    assert scored == [0, 0, 18, 0]  # of 12 pairs, in training and held out alike, 18 responses differ
    assert found.saving is not None
    assert 0 < found.saving.share < 1
    assert found.finished


@pytest.mark.usefixtures("in_process")
def test_a_point_is_an_ordinary_run_that_can_be_opened_and_run_again(base: dict[str, Any], tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    from upo_sdk import align

    found = sweep(asked(base, tmp_path / "s", "length:0,0.2,target=3", "dpo"))
    point = found.points[1]
    folder = tmp_path / "s" / point.folder
    AutoModelForCausalLM.from_pretrained(folder)
    again = build_config(read_config_file(folder / "config.resolved.yaml"), {"output_dir": tmp_path / "again"})
    align(again)
    assert (folder / "model.safetensors").read_bytes() == (tmp_path / "again" / "model.safetensors").read_bytes()
    assert json.loads((folder / "eval.json").read_text())["metrics"]["accuracy"]
    assert (tmp_path / "s" / "report.html").is_file()


@pytest.mark.usefixtures("in_process")
def test_a_failed_point_loses_no_other_and_is_tried_again(
    base: dict[str, Any], counted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    objectives = ("counted_rewards:brief:0,0.1,as=brief", "dpo")
    settings = {**base, "eval_prompts": 0}
    real = run_point

    def broken(folder: Path, channel: Channel) -> PointMessage:
        monkeypatch.setenv("BROKEN", "1" if folder.name == "brief=0.1" else "0")
        return real(folder, channel)

    monkeypatch.setattr("sweeping.run_point", broken)
    found = sweep(asked(settings, tmp_path / "s", *objectives))
    assert [(point.name, point.status) for point in found.points] == [("brief=0", "done"), ("brief=0.1", "failed")]
    failure = found.points[1].failure
    assert failure is not None
    assert failure.code == "objective-failed"
    assert "the scorer is down" in failure.what
    assert [row.name for row in found.rows] == ["brief=0"]
    monkeypatch.setattr("sweeping.run_point", real)
    monkeypatch.setenv("BROKEN", "0")
    log = Log()
    again = resume_sweep(tmp_path / "s", callbacks=[log])
    assert log.events == [("brief=0.1", "started"), ("brief=0.1", "done")]
    assert [row.name for row in again.rows] == ["brief=0", "brief=0.1"]
    assert counted.is_file()


@pytest.mark.usefixtures("in_process")
def test_points_may_be_added_and_only_they_are_run(base: dict[str, Any], tmp_path: Path) -> None:
    first = sweep(asked(base, tmp_path / "s", "length:0,0.2,target=3", "dpo"))
    log = Log()
    more = sweep(asked(base, tmp_path / "s", "length:0,0.1,0.2,target=3", "dpo"), callbacks=[log])
    assert log.events == [("length=0.1", "started"), ("length=0.1", "done")]
    assert table_of(first).items() < table_of(more).items()
    assert more.created == first.created
    with pytest.raises(OutputError, match=r"points that are not in this grid: length=0\.2"):
        sweep(asked(base, tmp_path / "s", "length:0,0.1,target=3", "dpo"))


@pytest.mark.usefixtures("in_process")
def test_another_evaluation_trains_nothing_again(base: dict[str, Any], tmp_path: Path) -> None:
    asked_for = ("length:0,0.2,target=3", "dpo")
    sweep(asked(base, tmp_path / "s", *asked_for))
    folders = sorted((tmp_path / "s" / "points").iterdir())
    trained = [(folder / "model.safetensors").stat().st_mtime_ns for folder in folders]
    found = sweep(asked(base, tmp_path / "s", *asked_for, evaluation={"num_samples": 2}))
    assert found.rows[0].metrics["reward/length"].value.count == 4
    assert json.loads((folders[0] / "eval.json").read_text())["num_samples"] == 2
    assert [(folder / "model.safetensors").stat().st_mtime_ns for folder in folders] == trained


@pytest.mark.usefixtures("in_process")
def test_a_cancelled_sweep_goes_on_where_it_was(base: dict[str, Any], tmp_path: Path) -> None:
    log = Log(stop_at=2)
    found = sweep(asked(base, tmp_path / "s", "length:0,0.2,target=3", "dpo"), callbacks=[log], cancel=log.cancel)
    assert [point.status for point in found.points] == ["done", "pending"]
    assert found.finished is None
    again = Log()
    resume_sweep(tmp_path / "s", callbacks=[again])
    assert again.events == [("length=0.2", "started"), ("length=0.2", "done")]


@pytest.mark.usefixtures("in_process")
def test_a_metric_that_does_not_exist_ends_the_sweep_early_and_loses_nothing(
    base: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="points cannot be compared by 'toxicty'"):
        sweep(asked(base, tmp_path / "s", "length:0,0.2,target=3", "dpo", pareto=("toxicty",)))
    log = Log()
    found = resume_sweep(tmp_path / "s", pareto=("accuracy",), callbacks=[log])
    assert log.events == [("length=0.2", "started"), ("length=0.2", "done")]
    assert [axis.metric for axis in found.pareto_axes] == ["accuracy"]
