"""Which rows are written: conditions on any response of a pair, and the best row of each prompt."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from upo_sdk import ScoreConfig
from upo_sdk.corpus.selection import Selection
from upo_sdk.data import load_preference_data
from upo_sdk.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from datasets import Dataset

REWARDS = {"a": np.array([[1.0, 3.0], [2.0, 0.0], [2.0, 2.0], [0.0, 1.0]]), "b.c": np.arange(8.0).reshape(4, 2)}
"""Two labels, four pairs."""


@pytest.fixture
def rows(tmp_path: Path) -> Dataset:
    """Four pairs, of which the first three have the same prompt."""
    path = tmp_path / "pairs.jsonl"
    pairs = [{"prompt": "pppq"[n], "chosen": f"c{n}", "rejected": "r"} for n in range(4)]
    path.write_text("".join(json.dumps(row) + "\n" for row in pairs))
    return load_preference_data(ScoreConfig(data=str(path), output="o.jsonl").data).train


def chosen(rows: Dataset, **settings: Any) -> list[int]:
    config = ScoreConfig(data="d.jsonl", output="o.jsonl", **settings)
    kept_R, _ = Selection.of(config, REWARDS, "pairs").choose(rows, REWARDS)
    return np.flatnonzero(kept_R).tolist()


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({}, [0, 1, 2, 3]),
        ({"keep": ["a>1"]}, [1, 2]),
        ({"keep": ["a.chosen>=1"]}, [0, 1, 2]),
        ({"keep": ["a.rejected<2"]}, [1, 3]),
        ({"keep": ["a.difference>=0"]}, [1, 2]),
        ({"keep": ["b.c>3"]}, [2, 3]),
        ({"keep": ["b.c.rejected<=3", "a<2"]}, [0]),
        ({"best_of": "a"}, [1, 3]),
        ({"best_of": "a.rejected"}, [0, 3]),
        ({"best_of": "a", "keep": ["a<2"]}, [0, 3]),
        ({"best_of": "a", "keep": ["a>9"]}, []),
    ],
)
def test_rows_are_chosen(rows: Dataset, settings: dict[str, Any], kept: list[int]) -> None:
    assert chosen(rows, **settings) == kept


def test_rows_are_counted_by_why_they_are_left_out(rows: Dataset) -> None:
    config = ScoreConfig(data="d.jsonl", output="o.jsonl", keep=["a>0"], best_of="a")
    _, dropped = Selection.of(config, REWARDS, "pairs").choose(rows, REWARDS)
    assert (dropped.keep, dropped.best_of) == (1, 2)


def test_single_completions_have_no_other_response() -> None:
    config = ScoreConfig(data="d.jsonl", output="o.jsonl", keep=["a.rejected>0"])
    with pytest.raises(ConfigError, match=r"no objective here has the label 'a.rejected'"):
        Selection.of(config, ["a"], "unpaired")
