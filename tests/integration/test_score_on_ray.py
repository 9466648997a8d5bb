"""A corpus is scored on a real Ray cluster of two workers on this machine; skipped where Ray is not installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import chain
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("ray")
pytestmark = [pytest.mark.network, pytest.mark.slow]

OBJECTIVES = """
import os, pathlib, signal, time
from upo_sdk.objectives import BaseObjective, Needs, Options

class FolderOptions(Options):
    folder: str

class Tracked(BaseObjective):
    needs = Needs()

    def __init__(self, options: FolderOptions) -> None:
        self.folder = pathlib.Path(options.folder)

    def rewards(self, completions, /):
        with (self.folder / str(os.getpid())).open("a") as file:
            file.writelines(item.response + "\\n" for item in completions)
        return [len(item.response) / 7 for item in completions]

class Meeting(Tracked):
    # waits with its first batch until two processes have one

    def rewards(self, completions, /):
        found, end = super().rewards(completions), time.monotonic() + 120
        while len(list(self.folder.iterdir())) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        return found

class Dying(Tracked):
    def rewards(self, completions, /):
        found = super().rewards(completions)
        try:
            (self.folder / "died").touch(exist_ok=False)
        except FileExistsError:
            return found
        os.kill(os.getpid(), signal.SIGKILL)

class Failing(Tracked):
    def rewards(self, completions, /):
        if any(item.response == "x" * 40 for item in completions):
            raise ValueError("too long for me")
        return super().rewards(completions)
"""

ROWS = [{"prompt": f"q{n}", "completion": "x" * (n % 97 + 1)} for n in range(3000)]


@pytest.fixture
def ran(tmp_path: Path) -> Callable[..., tuple[int, str, Path]]:
    """Score ``ROWS`` in a process of its own; return its exit code, what it said, and its output."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "tracked_objectives.py").write_text(OBJECTIVES)
    source = tmp_path / "source.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS))

    def run(name: str, *arguments: str, cache: str = "cache") -> tuple[int, str, Path]:
        output = tmp_path / f"{name}.jsonl"
        command = ["score", str(source), *arguments, "--output", str(output), "--workers", "2", "--json"]
        variables = {"PYTHONPATH": str(tmp_path / "site"), "UPO_CACHE_DIR": str(tmp_path / cache)}
        done = subprocess.run(
            [sys.executable, "-m", "upo_cli", *command],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr, output

    return run


def tracked(kind: str, folder: Path) -> list[str]:
    folder.mkdir(exist_ok=True)
    return ["--objective", f"tracked_objectives:{kind},as=tracked,folder={folder}"]


def scored_by(folder: Path) -> dict[str, list[str]]:
    """The responses that each process scored."""
    return {file.name: file.read_text().split() for file in folder.iterdir() if file.name.isdigit()}


def test_the_output_is_that_of_this_machine_and_a_second_command_scores_nothing(
    ran: Callable[..., Any], tmp_path: Path
) -> None:
    objectives = ["-o", "toxicity,model=builtin", "-o", "lexical,metric=rare_words"]
    code, said, here = ran("here", *objectives, *tracked("Tracked", tmp_path / "here"))
    assert code == 0, said
    on_ray = [*objectives, *tracked("Meeting", tmp_path / "there"), "--engine", "ray"]
    code, said, there = ran("there", *on_ray, cache="other")
    assert code == 0, said
    assert there.read_bytes() == here.read_bytes()
    by_process = scored_by(tmp_path / "there")
    assert len(by_process) == 2
    assert sorted(chain.from_iterable(by_process.values())) == sorted(row["completion"] for row in ROWS)
    code, said, again = ran("again", *on_ray, cache="other")
    assert (code, again.read_bytes()) == (0, here.read_bytes())
    assert scored_by(tmp_path / "there") == by_process


def test_a_worker_that_is_killed_loses_nothing(ran: Callable[..., Any], tmp_path: Path) -> None:
    code, said, output = ran("killed", *tracked("Dying", tmp_path / "a"), "--engine", "ray")
    assert code == 0, said
    assert (tmp_path / "a" / "died").exists()
    assert len(scored_by(tmp_path / "a")) >= 2
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    assert rows == [{**row, "reward/tracked": len(row["completion"]) / 7} for row in ROWS]


def test_an_objective_that_raises_in_a_worker_is_named_and_nothing_is_written(
    ran: Callable[..., Any], tmp_path: Path
) -> None:
    code, said, output = ran("failed", *tracked("Failing", tmp_path / "a"), "--engine", "ray")
    assert (code, output.exists()) == (2, False)
    assert "the objective 'tracked' raised ValueError" in said
    assert "too long for me" in said
