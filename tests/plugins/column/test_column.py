"""Scores that the dataset carries, from the file to the reward."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.config import ObjectiveRef
from upo_sdk.config.sections import DataConfig
from upo_sdk.data import completions, load_preference_data
from upo_sdk.errors import ObjectiveRefError
from upo_sdk.plugin.build import LiveObjective, build_objectives
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def build(text: str) -> LiveObjective:
    (live,) = build_objectives([ObjectiveRef.model_validate(text)], load_registry())
    return live


def rewards(text: str, folder: Path, *rows: dict[str, Any]) -> Sequence[float]:
    path = folder / "data.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    live = build(text)
    data = load_preference_data(DataConfig(path=str(path)))
    return live.auxiliary.rewards(completions(data.train, live.objective.needs))


PAIR = {"prompt": "p", "chosen": "a", "rejected": "b"}
SINGLE = {"prompt": "p", "completion": "a", "label": True}


def test_pairs_have_their_scores_in_a_list_or_in_two_columns(tmp_path: Path) -> None:
    assert rewards("column:help:0.2", tmp_path, {**PAIR, "help": [2, 1]}, {**PAIR, "help": [0, 3]}) == [2, 1, 0, 3]
    assert rewards("column:help", tmp_path, {**PAIR, "help_chosen": 0.5, "help_rejected": -1}) == [0.5, -1]


def test_single_completions_have_a_number(tmp_path: Path) -> None:
    assert rewards("column:reward/help", tmp_path, {**SINGLE, "reward/help": 0.25}) == [0.25]


def test_a_negative_scale_rewards_lower_scores(tmp_path: Path) -> None:
    assert rewards("column:loss,scale=-0.5", tmp_path, {**PAIR, "loss": [2, 1]}) == [-1.0, -0.5]


def test_a_column_has_to_be_named() -> None:
    with pytest.raises(ObjectiveRefError, match="required"):
        build("column:0.3")


def test_other_objectives_take_no_target() -> None:
    with pytest.raises(ObjectiveRefError, match="'length' takes no target"):
        build_objectives([ObjectiveRef(name="length", target="120")], load_registry())
    with pytest.raises(ObjectiveRefError, match="has the option 'name' twice"):
        build("column:help,name=help")
