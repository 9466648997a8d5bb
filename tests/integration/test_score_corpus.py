"""A corpus is scored, and what was written trains a model as if the objective itself had scored."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from safetensors.torch import load_file

from upo_sdk import ScoreConfig, align, score
from upo_sdk.config import build_config
from upo_sdk.events import CacheUsed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.events import Event

pytestmark = pytest.mark.usefixtures("no_report")

OBJECTIVE = "toxicity,model=builtin"
REPLIES = ["Please hold the button.", "Are you stupid? You idiot.", "I do not know.", "Shut up and read the manual!"]
PAIRS = [
    {"prompt": f"{n}. How do I restart it? ", "chosen": REPLIES[n % 3], "rejected": REPLIES[n % 3 + 1]}
    for n in range(12)
]


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "parquet"])
@pytest.mark.parametrize("preference", ["dpo", "kto"])
def test_training_on_the_output_equals_training_with_the_objective(
    model_folder: Callable[[str], Path], tmp_path: Path, suffix: str, preference: str
) -> None:
    singles = [
        {"prompt": row["prompt"], "completion": row[side], "label": side == "chosen"}
        for row in PAIRS
        for side in ("chosen", "rejected")
    ]
    source = written(tmp_path / "source.jsonl", PAIRS if preference == "dpo" else singles)
    scored = tmp_path / f"scored.{suffix}"
    score(ScoreConfig(data=str(source), objectives=[OBJECTIVE], output=scored))

    def weights(name: str, data: Path, objective: str) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "model": str(model_folder("llama")),
            "data": str(data),
            "objectives": [preference, objective],
            "loss": {"gate_steps": 0},
            "training": {"max_steps": 3, "learning_rate": 0.1, "optim": "sgd", "per_device_train_batch_size": 4},
            "output_dir": str(tmp_path / name),
        }
        return load_file(align(build_config(settings)).output_dir / "model.safetensors")

    own = weights("own", source, "toxicity:0.3,model=builtin")
    for name, objective in [("read", "toxicity:0.3,model=builtin"), ("column", "column:reward/toxicity:0.3")]:
        found = weights(name, scored, objective)
        assert all(found[key].equal(own[key]) for key in own)


SLOW = """
import time
def slow(prompt: str, response: str) -> float:
    time.sleep(0.02)
    return float(len(response))
"""


def test_a_command_that_is_killed_leaves_no_output_and_resumes_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"prompt": "q", "completion": f"{n} {'x' * n}"} for n in range(300)]
    source, output = written(tmp_path / "source.jsonl", rows), tmp_path / "scored.jsonl"
    site = tmp_path / "site"
    site.mkdir()
    (site / "slow_rewards.py").write_text(SLOW)
    objective = "slow_rewards:slow,as=slow"
    command = [sys.executable, "-m", "upo_cli", "score", str(source), "-o", objective, "--output", str(output)]
    environment = {**os.environ, "PYTHONPATH": str(site)}
    with subprocess.Popen(
        [*command, "--log_format", "jsonl"], stderr=subprocess.PIPE, text=True, env=environment
    ) as at:
        assert at.stderr is not None
        for line in at.stderr:
            event = json.loads(line)
            if event.get("done", 0) >= 128 and event.get("unit") == "completions":
                at.send_signal(signal.SIGKILL)
                break
    assert not output.exists()
    monkeypatch.syspath_prepend(str(site))
    received = list["Event"]()

    class Receive:
        def on_event(self, event: Event, /) -> None:
            received.append(event)

    score(ScoreConfig(data=str(source), objectives=[objective], output=output), callbacks=[Receive()])
    (used,) = (event for event in received if isinstance(event, CacheUsed))
    assert used.found >= 128
    assert used.found + used.computed == 300
    rewards = [json.loads(line)["reward/slow"] for line in output.read_text().splitlines()]
    assert rewards == [float(len(row["completion"])) for row in rows]
