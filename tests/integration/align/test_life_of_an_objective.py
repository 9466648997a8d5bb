"""When a run calls an objective, and how often; and what it counts once."""

from __future__ import annotations

import gzip
import json
import sys
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from upo_sdk import align
from upo_sdk.objectives import Needs

from .conftest import config

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.objectives import Completion

pytestmark = pytest.mark.usefixtures("no_report")


class Witness:
    """An auxiliary objective that notes what is called, and how many completions came."""

    calls: ClassVar[list[str]] = []
    scored: ClassVar[list[tuple[str, str]]] = []

    needs = Needs()

    def setup(self, device: str, /) -> None:
        self.calls.append(f"setup {device}")

    def fit(self, completions: Sequence[Completion], /) -> None:
        self.calls.append(f"fit {len(completions)}")

    def rewards(self, completions: Sequence[Completion], /) -> Sequence[float]:
        self.calls.append("rewards")
        self.scored.extend((item.prompt, item.response) for item in completions)
        return [1 / (1 + len(item.response)) for item in completions]

    def fingerprint(self) -> Mapping[str, str]:
        return {"version": "1"}

    def close(self) -> None:
        self.calls.append("close")


@pytest.fixture
def witness(monkeypatch: pytest.MonkeyPatch) -> type[Witness]:
    monkeypatch.setitem(sys.modules, "witness_of_a_run", sys.modules[__name__])
    monkeypatch.setattr(Witness, "calls", [])
    monkeypatch.setattr(Witness, "scored", [])
    return Witness


def test_it_is_set_up_fitted_and_closed_once_and_scores_every_completion_once(
    settings: dict[str, Any], witness: type[Witness]
) -> None:
    align(config(settings, {"objectives": ["dpo", "witness_of_a_run:Witness:0.5"], "training": {"max_steps": 2}}))
    assert witness.calls[0] == "setup cpu"
    assert witness.calls[1].startswith("fit ")
    assert witness.calls[-1] == "close"
    assert witness.calls[2:-1] == ["rewards"] * len(witness.calls[2:-1])
    assert len(witness.scored) == len(set(witness.scored)) > 0


def test_without_eval_steps_the_held_out_pairs_are_evaluated_once_at_the_end(settings: dict[str, Any]) -> None:
    data = {"path": settings["data"], "eval_fraction": 0.2}
    result = align(config(settings, {"data": data, "objectives": ["dpo"]}))
    rows = [json.loads(line) for line in (result.output_dir / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "eval_loss" in row] == [4]


def test_the_rate_of_tokens_counts_a_prompt_once_and_every_response(settings: dict[str, Any]) -> None:
    from transformers import AutoTokenizer

    training = {"max_steps": 1, "per_device_train_batch_size": 12}
    result = align(config(settings, {"objectives": ["dpo"], "training": training}))
    tokenizer = AutoTokenizer.from_pretrained(settings["model"])
    with gzip.open(settings["data"], "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    prompts = sum(len(tokenizer(row["prompt"]).input_ids) for row in rows)
    responses = sum(len(tokenizer(row[name]).input_ids) + 1 for row in rows for name in ("chosen", "rejected"))
    summary = json.loads((result.output_dir / "metrics.jsonl").read_text().splitlines()[-1])
    counted = summary["tokens_per_second"] * summary["train_runtime"]
    assert counted == pytest.approx(prompts + responses, abs=len(rows))  # a token may merge across the boundary
