"""A sweep with processes of its own that is killed, and a process that tells of its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from sweeping import InProcess, asked

from upo_sdk.sweep import sweep
from upo_sdk.sweep.process import PointMessage, PointProcess

STUCK = """
import os
from threading import Event
from upo_sdk.plugin import hookimpl

class Stuck:
    def __init__(self, step):
        self.step = step

    def on_event(self, event):
        if getattr(event, "step", None) == self.step:
            Event().wait(300)

@hookimpl
def upo_register_callbacks(run):
    point, step = os.environ["STUCK"].split(":")
    return [Stuck(int(step))] if run.config.output_dir.name == point else []
"""


@pytest.fixture
def stuck(tmp_path: Path, counted: Path) -> None:  # noqa: ARG001 - it makes the folder
    """Plant a plugin with which the point and step in ``STUCK`` never end."""
    info = tmp_path / "site" / "stuck-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stuck\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[upo]\nstuck = stuck\n")
    (tmp_path / "site" / "stuck.py").write_text(STUCK)


class Sweeping:
    """``upo sweep`` in a process of its own, in which a step of a point may get stuck."""

    def __init__(self, folder: Path, arguments: list[str], stuck: str = "none:0") -> None:
        path = os.pathsep.join([str(folder / "site"), os.environ.get("PYTHONPATH", "")])
        self.text = ""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "upo_cli", "sweep", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "STUCK": stuck},
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


@pytest.mark.slow
@pytest.mark.usefixtures("stuck", "no_report", "warm")
def test_a_sweep_that_is_killed_twice_ends_with_the_table_of_an_undisturbed_one_and_scores_once(
    base: dict[str, Any], counted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {**base, "training": {**base["training"], "save_steps": 2}}
    (tmp_path / "base.yaml").write_text(json.dumps(settings))
    folder = tmp_path / "killed"
    grid = ["-o", "counted_rewards:brief:0.1,0.3,as=brief", "-o", "dpo", "--base-config", str(tmp_path / "base.yaml")]
    first = Sweeping(tmp_path, [*grid, "--output_dir", str(folder)], stuck="brief=0.1:4")
    first.kill_when("brief=0.1: training 3/4")
    second = Sweeping(tmp_path, ["--resume", str(folder)], stuck="brief=0.3:2")
    second.kill_when("brief=0.3: training 1/4")
    third = Sweeping(tmp_path, ["--resume", str(folder)])
    assert third.end() == 0, third.text
    assert "2 points, 1 of them done already" in third.text
    assert max(Counter(counted.read_text().splitlines()).values()) == 1
    assert (folder / "points" / "brief=0.1" / "checkpoint-2").is_dir()
    manifest = json.loads((folder / "points" / "brief=0.1" / "run.json").read_text())
    assert Path(manifest["resumed_from"]).name == "checkpoint-2"

    monkeypatch.setattr("upo_sdk.sweep.runner.PointProcess", InProcess)
    monkeypatch.setenv("UPO_CACHE_DIR", str(tmp_path / "another-cache"))
    undisturbed = sweep(asked(settings, tmp_path / "undisturbed", "counted_rewards:brief:0.1,0.3,as=brief", "dpo"))
    killed = json.loads((folder / "sweep.json").read_text())
    expected = json.loads((tmp_path / "undisturbed" / "sweep.json").read_text())
    assert [row.pareto for row in undisturbed.rows] == [row["pareto"] for row in killed["rows"]]
    assert killed["rows"] == expected["rows"]
    assert killed["baseline"] == expected["baseline"]


@pytest.mark.usefixtures("warm")
def test_the_process_of_a_point_tells_how_it_ended(tmp_path: Path) -> None:
    messages = SimpleQueue[tuple[str, PointMessage]]()
    process = PointProcess("lost", tmp_path / "points" / "lost", tmp_path / "lost.log", messages, jobs=1)
    name, ended = messages.get(timeout=300)
    process.end()
    assert (name, ended.phase) == ("lost", "failed")
    assert ended.failure is not None
    assert ended.failure.what == "the folder is not a sweep: it has no sweep.json"
