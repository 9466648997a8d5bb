"""Whole sweeps: of a tiny model, with points in this process where it does not matter that they have their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from queue import SimpleQueue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.config import build_config, read_config_file
from upo_sdk.errors import ConfigError, OutputError
from upo_sdk.sweep import PointEnded, PointStarted, SweepConfig, resume_sweep, sweep
from upo_sdk.sweep.channel import STOP, Channel, Told
from upo_sdk.sweep.point import run_point
from upo_sdk.sweep.process import PointProcess

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.evaluation.sweep_schema import Sweep

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


class InProcess:
    """A point in a thread instead of a process."""

    def __init__(self, name: str, folder: Path, _log: Path, told: SimpleQueue[tuple[str, Told]], _jobs: int) -> None:
        self.name, self.phase = name, "preparing"
        self._channel = _Channel(name, told)
        self._thread = Thread(target=self._run, args=(folder,))
        self._thread.start()

    def say(self, word: str) -> None:
        if word == STOP:
            self._channel.cancel.set()
        self._channel.allowed.set()

    def end(self) -> None:
        self.say(STOP)
        self._thread.join()

    def _run(self, folder: Path) -> None:
        self._channel.tell(run_point(folder, self._channel))


class _Channel(Channel):
    def __init__(self, name: str, told: SimpleQueue[tuple[str, Told]]) -> None:
        super().__init__()
        self.name, self.told, self.allowed = name, told, Event()

    def tell(self, told: Told) -> None:
        self.told.put((self.name, told))

    def wait_to_evaluate(self) -> None:
        self.allowed.wait()


class Log:
    """Remembers which points started and how they ended; may set a token when one starts."""

    def __init__(self, stop_at: int = 0) -> None:
        self.told = list[tuple[str, str]]()
        self.cancel = Event()
        self._stop_at = stop_at

    def on_event(self, event: object, /) -> None:
        if isinstance(event, PointStarted):
            self.told.append((event.name, "started"))
        elif isinstance(event, PointEnded):
            self.told.append((event.point.name, event.point.status))
            if len(self.told) == self._stop_at:
                self.cancel.set()


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
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upo_sdk.sweep.runner.PointProcess", InProcess)


def asked(base: dict[str, Any], folder: Path, *objectives: str, **settings: Any) -> SweepConfig:
    return SweepConfig(base=build_config(base), objectives=objectives, output_dir=folder, **settings)


def table_of(found: Sweep) -> dict[str, dict[str, float]]:
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

    def broken(folder: Path, channel: Channel) -> Told:
        monkeypatch.setenv("BROKEN", "1" if folder.name == "brief=0.1" else "0")
        return real(folder, channel)

    monkeypatch.setattr(f"{__name__}.run_point", broken)
    found = sweep(asked(settings, tmp_path / "s", *objectives))
    assert [(point.name, point.status) for point in found.points] == [("brief=0", "done"), ("brief=0.1", "failed")]
    failure = found.points[1].failure
    assert failure is not None
    assert failure.code == "objective-failed"
    assert "the scorer is down" in failure.what
    assert [row.name for row in found.rows] == ["brief=0"]
    monkeypatch.setattr(f"{__name__}.run_point", real)
    monkeypatch.setenv("BROKEN", "0")
    log = Log()
    again = resume_sweep(tmp_path / "s", callbacks=[log])
    assert log.told == [("brief=0.1", "started"), ("brief=0.1", "done")]
    assert [row.name for row in again.rows] == ["brief=0", "brief=0.1"]
    assert counted.is_file()


@pytest.mark.usefixtures("in_process")
def test_points_may_be_added_and_only_they_are_run(base: dict[str, Any], tmp_path: Path) -> None:
    first = sweep(asked(base, tmp_path / "s", "length:0,0.2,target=3", "dpo"))
    log = Log()
    more = sweep(asked(base, tmp_path / "s", "length:0,0.1,0.2,target=3", "dpo"), callbacks=[log])
    assert log.told == [("length=0.1", "started"), ("length=0.1", "done")]
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
    assert again.told == [("length=0.2", "started"), ("length=0.2", "done")]


@pytest.mark.usefixtures("in_process")
def test_a_metric_that_does_not_exist_ends_the_sweep_early_and_loses_nothing(
    base: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="points cannot be compared by 'toxicty'"):
        sweep(asked(base, tmp_path / "s", "length:0,0.2,target=3", "dpo", pareto=("toxicty",)))
    log = Log()
    found = resume_sweep(tmp_path / "s", pareto=("accuracy",), callbacks=[log])
    assert log.told == [("length=0.2", "started"), ("length=0.2", "done")]
    assert [axis.metric for axis in found.pareto_axes] == ["accuracy"]


@pytest.mark.slow
def test_a_sweep_that_is_killed_twice_ends_with_the_table_of_an_undisturbed_one_and_scores_once(
    base: dict[str, Any], counted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = 16  # enough that a kill that comes late still comes before the last
    settings = {**base, "training": {**base["training"], "max_steps": steps, "save_steps": 2}}
    (tmp_path / "base.yaml").write_text(json.dumps(settings))
    folder = tmp_path / "killed"
    grid = ["-o", "counted_rewards:brief:0.1,0.3,as=brief", "-o", "dpo", "--base-config", str(tmp_path / "base.yaml")]
    first = Sweeping(tmp_path, [*grid, "--output_dir", str(folder)])
    first.kill_when(f"brief=0.1: training 3/{steps}")
    second = Sweeping(tmp_path, ["--resume", str(folder)])
    second.kill_when(f"brief=0.3: training 1/{steps}")
    third = Sweeping(tmp_path, ["--resume", str(folder)])
    assert third.end() == 0, third.text
    assert "2 points, 1 of them done already" in third.text
    assert max(Counter(counted.read_text().splitlines()).values()) == 1
    assert (folder / "points" / "brief=0.1" / "checkpoint-2").is_dir()
    manifest = json.loads((folder / "points" / "brief=0.1" / "run.json").read_text())
    assert "checkpoint-" in manifest["resumed_from"]  # the second, or a later one if the kill came late

    monkeypatch.setattr("upo_sdk.sweep.runner.PointProcess", InProcess)
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "another-cache"))
    undisturbed = sweep(asked(settings, tmp_path / "undisturbed", "counted_rewards:brief:0.1,0.3,as=brief", "dpo"))
    killed = json.loads((folder / "sweep.json").read_text())
    expected = json.loads((tmp_path / "undisturbed" / "sweep.json").read_text())
    assert [row.pareto for row in undisturbed.rows] == [row["pareto"] for row in killed["rows"]]
    assert killed["rows"] == expected["rows"]
    assert killed["baseline"] == expected["baseline"]


class Sweeping:
    """``upo sweep`` in a process of its own."""

    def __init__(self, folder: Path, arguments: list[str]) -> None:
        path = os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")])
        self.text = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "upo_cli", "sweep", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    def kill_when(self, line: str) -> None:
        """Kill it, and nothing else, once it has printed a line."""
        assert self._process.stdout is not None
        for printed in self._process.stdout:
            self.text += printed
            if printed.startswith(line):
                self._process.send_signal(signal.SIGKILL)
                break
        else:
            pytest.fail(self.text)
        self.end()

    def end(self) -> int:
        """Wait for its end and return its exit code."""
        self.text += self._process.communicate(timeout=300)[0]
        return self._process.returncode


def test_the_process_of_a_point_tells_how_it_ended(tmp_path: Path) -> None:
    told = SimpleQueue[tuple[str, Told]]()
    process = PointProcess("lost", tmp_path / "points" / "lost", tmp_path / "lost.log", told, jobs=1)
    name, ended = told.get(timeout=300)
    process.end()
    assert (name, ended.phase) == ("lost", "failed")
    assert ended.failure is not None
    assert ended.failure.what == "the folder is not a sweep: it has no sweep.json"
