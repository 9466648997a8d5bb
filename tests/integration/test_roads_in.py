"""Whole runs with rewards from a column, from a function with options and from a TRL reward function."""

from __future__ import annotations

import json
import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk import align, load_registry, plan_run
from upo_sdk.config import build_config
from upo_sdk.errors import DataError
from upo_sdk.events import Notice

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from upo_sdk.events import Event

CODE = """
    from upo_sdk.objectives import auxiliary_objective

    @auxiliary_objective
    def polite(prompt: str, response: str, *, word: str = "please") -> float:
        return float(word in response.lower())

    def manual(completions, topic, **kwargs):
        return [float("manual" in text) if name else None for text, name in zip(completions, topic)]
"""

ROWS = [
    {"prompt": "1. How? ", "chosen": "Please hold the button.", "rejected": "No.", "topic": "x", "help": [0.9, 0.1]},
    {"prompt": "2. How? ", "chosen": "Read the manual.", "rejected": "Please no.", "topic": None, "help": [0.5, 0.4]},
]


class Notices:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def on_event(self, event: Event, /) -> None:
        if isinstance(event, Notice):
            self.texts.append(event.text)


@pytest.fixture
def settings(
    model_folder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., dict[str, Any]]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "roads_rewards", raising=False)
    (tmp_path / "roads_rewards.py").write_text(dedent(CODE))

    def make(*objectives: Any, rows: list[dict[str, Any]] = ROWS) -> dict[str, Any]:
        path = tmp_path / "pairs.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return {
            "model": str(model_folder("llama")),
            "data": str(path),
            "objectives": ["dpo", *objectives],
            "loss": {"gate_steps": 0},
            "training": {"max_steps": 2, "per_device_train_batch_size": 2, "logging_steps": 1},
            "output_dir": str(tmp_path / "run"),
        }

    return make


def test_each_road_leads_through_a_run(settings: Any) -> None:
    notices = Notices()
    objectives = ["column:help:0.3", "roads_rewards:polite:0.2,word=no,as=curt", "trl:roads_rewards.manual:0.1"]
    result = align(build_config(settings(*objectives)), callbacks=[notices])
    assert {item.label: item.mean for item in result.scores} == pytest.approx(
        {"help": (0.9 + 0.1 + 0.5 + 0.4) / 4, "curt": 2 / 4, "manual": 0.0}
    )
    none = "the function returned None for 2 of 4, which have reward 0"
    assert f"'manual', training completions: {none}" in notices.texts
    manifest = json.loads((result.output_dir / "run.json").read_text())
    described = {item["label"]: item for item in manifest["objectives"]}
    assert described["help"]["options"] == {"name": "help", "scale": 1.0}
    assert described["help"]["objective"] == "column:help:0.3"
    assert described["curt"]["options"] == {"word": "no"}
    assert described["manual"]["fingerprint"]["function_sha256"]


def test_the_resolved_configuration_names_the_same_objectives(settings: Any) -> None:
    objectives = ["column:help:0.3,as=helpful", {"https://a.example/s?of=x,y": 0.2}]
    config = build_config(settings(*objectives))
    assert build_config(config.model_dump(mode="json", by_alias=True)) == config


def test_a_score_that_is_missing_is_named_by_its_row_before_any_work(settings: Any) -> None:
    rows = [ROWS[0], {**ROWS[1], "help": [1.0, "high"]}]
    config = build_config(settings("column:help:0.3", rows=rows))
    with pytest.raises(DataError, match=r"row 2, column 'help\[1\]': is 'high', not a finite number"):
        plan_run(config, load_registry())
