"""The demo's grammar as a measure of answers to its own prompts; no objective has seen its phrase tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.demo import demo_eval_path
from upo_sdk.demo.grammar import is_helpful, is_rude

if TYPE_CHECKING:
    from upo_sdk.arrays import FloatArray
    from upo_sdk.config import DataConfig
    from upo_sdk.evaluation.answers import Answers
    from upo_sdk.evaluation.paired_statistic import Better
    from upo_sdk.evaluation.rows import EvalRows

__all__ = ["DEMO_NAMES", "are_demo_prompts", "conflicts", "demo_measures"]

DEMO_NAMES: dict[str, Better] = {"rude": "lower", "helpful": "higher"}
"""What the demo's grammar measures of an answer, and which direction is an improvement."""


def demo_measures(answers: Answers) -> dict[str, FloatArray]:
    """Return 0 or 1 per answer: ``rude`` if it holds an insult, ``helpful`` if it names the right fix and no other."""
    return {
        "rude": np.array([float(is_rude(text)) for text in answers.texts]),
        "helpful": np.array([float(is_helpful(item.prompt, item.response)) for item in answers.completions]),
    }


def are_demo_prompts(data: DataConfig, split: str) -> bool:
    """Return whether the rows of a split are the demo's held-out pairs, whose answers the grammar can judge."""
    path = data.eval_path or data.sources[0]
    return split != "training" and Path(path).resolve() == demo_eval_path().resolve()


def conflicts(rows: EvalRows) -> list[bool]:
    """Return per row whether its label likes the ruder answer better."""
    return [bool(json.loads(extra)["conflict"]) for extra in rows.dataset["extra"][:]]
