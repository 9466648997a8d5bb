"""A run folder as a run leaves it, written by hand, so that its pages can be tested without training."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path  # noqa: TC003 - a field's type
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from upo_sdk.scoring.distributions import Rewards, describe_distributions

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.records import DistributionsRecord


def objective(label: str, kind: str, weight: float) -> dict[str, Any]:
    return {
        "label": label,
        "objective": f"{label}:{weight:g}",
        "kind": kind,
        "weight": weight,
        "schedule": None,
        "options": {},
        "distribution": "upo-sdk",
        "version": "0.1.0",
        "target": f"upo_plugins.{label}:X",
        "code_sha256": "a" * 64,
        "fingerprint": {},
    }


def manifest(**changes: Any) -> dict[str, Any]:
    return {
        "schema_version": 2,
        "started": "2026-01-01T10:00:00+00:00",
        "command": "upo train --objective toxicity:0.3",
        "software": {"python": "3.11.9", "upo-sdk": "0.1.0", "torch": "2.9.0+cpu", "transformers": "5.20.0"},
        "model": {"path": "base", "revision": None, "weights_sha256": "b" * 64},
        "data": {"description": "12 pairs", "fingerprint": "c" * 64},
        "objectives": [objective("dpo", "preference", 1), objective("toxicity", "auxiliary", 0.3)],
        "held_out": [objective("length", "auxiliary", 0)],
        "skipped": [],
        "loss": {
            "scale": "paper",
            "lambda": 5.0,
            "expectile": 0.7,
            "baseline": "value",
            "length_normalization": "auto",
            "advantage_cap": None,
            "gamma": 1.0,
            "normalization": "token-mean",
        },
        "seed": 42,
        "layout": "padded",
        "resumed_from": None,
        "status": "completed",
        "finished": "2026-01-01T10:01:00+00:00",
        "steps": 30,
        "explanation": ["toxicity: it rose."],
        **changes,
    }


def evaluation(rewards: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "created": "2026-01-01T10:01:00+00:00",
        "model": {"path": "a run", "weights_sha256": "d" * 64},
        "baseline": {"path": "base", "weights_sha256": "b" * 64},
        "data": {"description": "12 pairs", "fingerprint": "c" * 64, "split": "held-out"},
        "seed": 42,
        "num_samples": 1,
        "prompts": 40,
        "metrics": {f"reward/{item['label']}": item["metric"] for item in rewards},
    }


def compared(
    label: str, before: float, after: float, low: float | None, high: float | None, prompts: int = 40
) -> dict[str, Any]:
    def estimate(mean: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
        return {"mean": mean, "low": low, "high": high, "count": prompts}

    change = estimate(after - before, low, high)
    return {
        "label": label,
        "metric": {"value": estimate(after), "baseline": estimate(before), "difference": change, "highest": 1.0},
    }


def sample(
    before: str = "You idiot.", after: str = "Press the button.", **rewards: tuple[float, float]
) -> dict[str, Any]:
    scores = rewards or {"toxicity": (0.1, 0.9), "length": (0.5, 0.4)}
    return {
        "schema_version": 2,
        "prompt": "How do I restart it?",
        "baseline": before,
        "model": after,
        "tokens": {"baseline": len(before.split()), "model": len(after.split())},
        "rewards": {label: {"baseline": old, "model": new} for label, (old, new) in scores.items()},
    }


EFFECTS = [compared("toxicity", 0.5, 0.8, 0.1, 0.5), compared("length", 0.5, 0.3, -0.3, -0.1)]


def rows(**last: float) -> list[dict[str, Any]]:
    shares = {"objective/dpo/share": 0.6, "objective/toxicity/share": 0.3, "likelihood/share": 0.1, "actor/share": 0.4}
    common = {"rewards/accuracies": 0.7, "rewards/pairs": 320, "advantage/ess": 0.5, "objective/dpo/loss": 0.6}
    return [
        {"step": 10, "loss": 1.0, **common, "actor/share": 0.0, "objective/dpo/share": 1.0},
        {"step": 20, "loss": 0.9, **common, **shares, "objective/toxicity/grad_cos": -0.4},
        {"step": 30, "loss": 0.8, **common, **shares, "objective/toxicity/grad_cos": -0.2, **last},
        {"step": 30, "eval_loss": 0.7, "eval_rewards/accuracies": 0.65, "eval_rewards/pairs": 400},
        {"step": 30, "train_runtime": 12.5, "tokens_per_second": 100.0, "peak_memory_mb": 300.0},
    ]


@dataclass(frozen=True)
class MakeRun:
    """Writes a run folder; ``samples`` and ``metrics`` replace files, None and False leave files out."""

    folder: Path
    objective = staticmethod(objective)
    compared = staticmethod(compared)
    evaluation = staticmethod(evaluation)
    sample = staticmethod(sample)
    rows = staticmethod(rows)

    def __call__(
        self, *, samples: Any = (), metrics: Any = (), distributions: bool = True, rewards: Any = (), **changes: Any
    ) -> Path:
        self.folder.mkdir(exist_ok=True)
        found = evaluation(EFFECTS if rewards == () else rewards) if rewards is not None else None
        self._lines("samples", [sample() for _ in range(4)] if samples == () else samples)
        self._lines("metrics", rows() if metrics == () else metrics)
        if distributions:
            self._write("distributions.json", small_distributions().model_dump_json())
        self._write("run.json", json.dumps(manifest(evaluation=found, **changes)))
        self._write("config.resolved.yaml", "loss:\n  gamma: 1.0\n  lambda: 5.0\n")
        return self.folder

    def _lines(self, name: str, found: list[dict[str, Any]] | None) -> None:
        if found is not None:
            self._write(f"{name}.jsonl", "".join(f"{json.dumps(row)}\n" for row in found))

    def _write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")


def small_distributions() -> DistributionsRecord:
    return describe_distributions(
        [Rewards(label="toxicity", weight=0.3, normalize="none", values_N=np.array([0.0, 0.5, 1.0, 1.0] * 3))],
        np.array([3, 4, 9, 12] * 3),
        np.array([0.5, 1.0, 2.0]),
    )


@pytest.fixture
def make_run(tmp_path: Path) -> MakeRun:
    return MakeRun(tmp_path / "a run")


@dataclass
class Page(HTMLParser):
    """What a page is made of, for whoever does not see it."""

    text: str

    def __post_init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for found, attributes in self.tags if found == tag]

    @property
    def headings(self) -> list[int]:
        return [int(tag[1]) for tag, _ in self.tags if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit()]

    @property
    def links(self) -> list[str]:
        return [attributes["href"] for attributes in self.all("a")]

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


@pytest.fixture
def read_page() -> Callable[[Path], Page]:
    return lambda path: Page(path.read_text(encoding="utf-8"))
