from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from upo_cli.view import stop_on_signal
from upo_sdk import demo

if TYPE_CHECKING:
    from conftest import Installer, Upo

_MODEL = str(demo.demo_model_path())
_PAIRS = [
    {"prompt": f"question {n}?", "chosen": f"a good answer {n}", "rejected": f"a bad and much longer answer {n}"}
    for n in range(8)
]


@pytest.fixture
def pairs() -> str:
    Path("pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in _PAIRS))
    return "pairs.jsonl"


@pytest.fixture
def small(pairs: str) -> list[str]:
    """Arguments of a run of a few seconds."""
    sizes = ["--max-steps", "2", "--per_device_train_batch_size", "2", "--gate-steps", "0", "--logging_steps", "1"]
    return ["train", "--model", _MODEL, "--data", pairs, "-o", "dpo", "-o", "length:0.2,target=3", *sizes]


def test_a_dry_run_prints_the_plan_and_writes_nothing(upo: Upo, small: list[str]) -> None:
    ended = upo(*small, "--dry-run", "--output-dir", "out")
    assert ended.code == 0
    shown = [line.split() for line in ended.out.splitlines()]
    assert ["length", "auxiliary", "0.2", "target=3", "nothing"] in [line[:5] for line in shown]
    assert ["dpo", "preference", "1", "defaults", "-"] in [line[:5] for line in shown]
    assert "8 pairs" in ended.out
    assert "2 of 2 rows per device" in ended.out
    assert "memory" in ended.out
    assert not Path("out").exists()


def test_a_dry_run_as_json_is_the_resolved_plan(upo: Upo, small: list[str]) -> None:
    plan = upo(*small, "--dry-run", "--json", "--beta", "0.25").data
    assert plan["steps"] == 2
    assert plan["data"]["shape"] == "pairs"
    assert plan["data"]["rows"] == 4  # two steps of two pairs; no other row is prepared
    assert [(item["label"], item["weight"]) for item in plan["objectives"]] == [("dpo", 1), ("length", 0.2)]
    assert plan["objectives"][0]["options"]["beta"] == 0.25
    assert plan["config"]["training"]["max_steps"] == 2
    assert plan["memory_bytes"]["total"] > 0


def test_a_dry_run_with_nothing_given_is_the_demo(upo: Upo) -> None:
    plan = upo("train", "--dry-run", "--json").data
    assert plan["demo"] is True
    assert plan["model"] == _MODEL


def test_the_plan_names_third_party_plugins(
    upo: Upo, install: Installer, small: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("acme-empty", "")
    monkeypatch.syspath_prepend(str(install.site))
    assert upo(*small, "--dry-run", "--json").data["third_party"] == ["acme-empty 1.0"]
    assert "note: third-party plugins: acme-empty 1.0" in upo(*small, "--dry-run").err


def test_a_run_ends_with_a_model_and_says_what_each_objective_did(upo: Upo, small: list[str]) -> None:
    ended = upo(*small, "--output-dir", "out", "--eval-prompts", "2", "--eval-max-new-tokens", "4")
    assert ended.code == 0
    assert Path("out/model.safetensors").is_file()
    assert "scores" in ended.out
    assert "mean reward of answers" in ended.out
    assert "model: out (2 steps" in ended.out
    assert 'pipeline("text-generation"' in ended.out
    assert "step 2/2" in ended.err
    assert "\x1b" not in ended.out + ended.err
    again = upo(*small, "--output-dir", "out")
    assert again.code == 2
    assert "the output folder is not empty" in again.err


def test_a_run_as_json_writes_one_object_and_nothing_else(upo: Upo, small: list[str]) -> None:
    ended = upo(*small, "--output-dir", "out", "--json")
    assert ended.code == 0
    assert ended.data["status"] == "completed"
    assert ended.data["steps"] == 2
    assert ended.data["output_dir"] == "out"
    assert [item["label"] for item in ended.data["scores"]] == ["length"]
    assert ended.err == ""


def test_bad_rows_end_with_2_and_leave_no_folder(upo: Upo, small: list[str]) -> None:
    with Path("pairs.jsonl").open("a") as file:
        file.write('{"prompt": "p", "chosen": "", "rejected": "x"}\n')
    ended = upo(*small, "--output-dir", "out")
    assert ended.code == 2
    assert "row 9, column 'chosen': is empty" in ended.err
    assert not Path("out").exists()


def test_other_processes_of_a_launch_stay_silent(upo: Upo, small: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    ended = upo(*small, "--output-dir", "out")
    assert (ended.code, ended.out, ended.err) == (0, "", "")


@pytest.mark.slow
def test_an_interrupt_stops_at_a_step_with_a_checkpoint_and_ends_with_130(small: list[str]) -> None:
    long = [("5000" if before == "--max-steps" else word) for before, word in pairwise(["", *small])]
    command = [sys.executable, "-m", "upo_cli", *long, "--output-dir", "out"]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)
    assert running.stdout is not None
    assert running.stderr is not None
    lines = []
    for line in running.stderr:
        lines.append(line)
        if line.startswith("step 2/"):
            running.send_signal(signal.SIGINT)
            break
    out, err = running.communicate(timeout=300)
    assert running.returncode == 130, "".join(lines) + err
    assert "interrupt again to stop at once" in err
    assert "--resume_from_checkpoint last" in out
    assert list(Path("out").glob("checkpoint-*/model.safetensors"))


def test_the_second_signal_ends_at_once() -> None:
    with stop_on_signal(print) as cancel:
        signal.raise_signal(signal.SIGTERM)
        assert cancel.is_set()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)


def test_the_handlers_that_were_there_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with stop_on_signal(print) as cancel:
        assert signal.getsignal(signal.SIGINT) != before
        assert not cancel.is_set()
    assert signal.getsignal(signal.SIGINT) == before


def test_a_mixture_of_files_is_planned_trained_and_resumed(upo: Upo, small: list[str]) -> None:
    Path("more.jsonl").write_text("".join(json.dumps({**row, "prompt": "?"}) + "\n" for row in _PAIRS))
    at = small.index("pairs.jsonl")
    mixed = [*small[:at], "pairs.jsonl:3", "--data", "more*.jsonl:1", *small[at + 1 :]]
    planned = upo(*mixed, "--dry-run", "--output_dir", "out")
    assert (planned.code, "of 8), more*.jsonl (" in planned.out) == (0, True)
    assert upo(*mixed, "--save_steps", "1", "--output_dir", "out").code == 0
    resumed = [*mixed, "--output_dir", "out", "--resume_from_checkpoint", "out/checkpoint-1"]
    assert upo(*resumed).code == 0
    refused = upo(*resumed, "--mixture_seed", "7")
    assert (refused.code, "data" in refused.err) == (2, True)


def test_a_pattern_that_matches_nothing_ends_with_2(upo: Upo, small: list[str]) -> None:
    ended = upo(*["none-*.jsonl" if word == "pairs.jsonl" else word for word in small], "--output_dir", "out")
    assert ended.code == 2
    assert "no data file matches this pattern" in ended.err
    assert "--data" in ended.err
