"""From a plan to tokens, rewards, statistics, baselines and reference log-probs."""

from __future__ import annotations

import gzip
import json
from threading import Event as Flag
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from recorder import Recorder

from upo_sdk.config import build_config
from upo_sdk.context import RunContext
from upo_sdk.errors import CancelledError
from upo_sdk.events import CacheUsed
from upo_sdk.plan import make_plan
from upo_sdk.plugin.registry import load_registry
from upo_sdk.policy import PaddedLayout, Policy, load_language_model, load_tokenizer
from upo_sdk.training.prepare_data import DataPreparation, Split

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [
    {"prompt": "Why? ", "chosen": "Because.", "rejected": "No.", "reward/length": [1, 0], "sample_weight": 3},
    {"prompt": "How? ", "chosen": "By hand.", "rejected": "Who knows.", "reward/length": [0, 0], "sample_weight": 1},
]


@pytest.fixture
def prepare(model_folder: Callable[[str], Path], tmp_path: Path) -> Callable[..., tuple[DataPreparation, Recorder]]:
    """Return a function that plans a run on some rows, and gives what prepares it and what it said."""
    registry = load_registry()

    def make(
        rows: list[dict[str, Any]], *objectives: str, cancel: Flag | None = None, **loss: Any
    ) -> tuple[DataPreparation, Recorder]:
        with gzip.open(tmp_path / "rows.jsonl.gz", "wt", encoding="utf-8") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        settings = {
            "model": str(model_folder("llama")),
            "data": str(tmp_path / "rows.jsonl.gz"),
            "objectives": [*objectives],
            "loss": loss,
            "training": {"max_steps": 1},
        }
        said = Recorder()
        return DataPreparation(make_plan(build_config(settings), registry), RunContext.of([said], cancel)), said

    return make


def scored(preparation: DataPreparation) -> Split:
    train, _ = preparation.tokenize(load_tokenizer(preparation.plan.model))
    for item in preparation.plan.auxiliary:
        train = preparation.score(train, item)
    return train


def plain(*names: str) -> list[dict[str, Any]]:
    return [{name: row[name] for name in ("prompt", "chosen", "rejected", *names)} for row in ROWS]


def test_a_second_run_scores_nothing_and_gets_the_same(prepare: Callable[..., Any]) -> None:
    first, said = prepare(plain(), "dpo", "length:0.5,target=2")
    again, said_again = prepare(plain(), "dpo", "length:0.5,target=2")
    assert np.array_equal(scored(first).rewards[0], scored(again).rewards[0])
    counts = [(event.found, event.computed) for event in said.events if isinstance(event, CacheUsed)]
    later = [(event.found, event.computed) for event in said_again.events if isinstance(event, CacheUsed)]
    assert (counts, later) == ([(0, 4)], [(4, 0)])


def test_rewards_of_the_data_are_taken_in_the_order_of_the_responses_and_nothing_is_scored(
    prepare: Callable[..., Any],
) -> None:
    preparation, said = prepare(plain("reward/length"), "dpo", "length:0.5,target=2")
    assert scored(preparation).rewards[0].tolist() == [1, 0, 0, 0]
    assert not [event for event in said.events if isinstance(event, CacheUsed)]


def test_a_normalisation_is_of_the_weighted_completions(prepare: Callable[..., Any]) -> None:
    """One completion of weight 3 has 1, and five of weight have 0: mean 3/8, variance 15/64."""
    preparation, _ = prepare(ROWS, "dpo", "length:0.5,target=2,normalize=zscore")
    train = scored(preparation)
    normalized = preparation.normalize(train, preparation.normalizers(train, None))
    deviation = (15 / 64) ** 0.5
    assert normalized.rewards[0] == pytest.approx(np.array([5 / 8, -3 / 8, -3 / 8, -3 / 8]) / deviation)


def test_an_objective_that_gives_all_the_same_is_warned_of(prepare: Callable[..., Any]) -> None:
    rows = [{**row, "reward/length": [0.5, 0.5]} for row in plain()]
    preparation, said = prepare(rows, "dpo", "length:0.5,target=2")
    (found,) = preparation.describe(scored(preparation))
    assert (found.mean, found.constant) == (0.5, True)
    assert "'length' gives every completion the same reward (0.5): it cannot teach anything" in said.notices


def test_a_cancelled_run_ends_while_completions_are_scored(prepare: Callable[..., Any]) -> None:
    stop = Flag()
    stop.set()
    preparation, _ = prepare(plain(), "dpo", "length:0.5,target=2", cancel=stop)
    with pytest.raises(CancelledError, match="before training") as error:
        scored(preparation)
    assert "scoring training completions with length" in error.value.where


@pytest.mark.parametrize(("objective", "needed"), [("dpo", True), ("sft", False)])
def test_reference_log_probs_are_joined_only_if_an_objective_needs_them(
    prepare: Callable[..., Any], objective: str, *, needed: bool
) -> None:
    preparation, _ = prepare(plain(), objective)
    policy = Policy(load_language_model(preparation.plan.model), PaddedLayout())
    rows = preparation.rows(scored(preparation), policy, "0" * 64)
    assert len(rows) == 2
    for row in rows.__getitems__([0, 1]):
        assert (row.reference_logps is not None) is needed
        if needed:
            assert [len(logps) for logps in row.reference_logps or ()] == [*map(len, row.branches.response_ids)]
            assert all((logps < 0).all() for logps in row.reference_logps or ())


def test_a_baseline_of_the_data_is_the_weighted_sum_of_the_rewards_over_a_prompts_responses(
    prepare: Callable[..., Any],
) -> None:
    preparation, _ = prepare(plain("reward/length"), "sft", "length:0.5,target=2", baseline="prompt-mean")
    policy = Policy(load_language_model(preparation.plan.model), PaddedLayout())
    rows = preparation.rows(scored(preparation), policy, "0" * 64)
    assert [row.baseline for row in rows.__getitems__([0, 1])] == pytest.approx([0.25, 0])
