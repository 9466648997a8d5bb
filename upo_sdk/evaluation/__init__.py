"""Evaluation: a model's own answers, measured beside a baseline's; and what each objective did, in plain words."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upo_sdk.evaluation.answers import Answers, Prompt, answer_rewards, distinct_prompts, sample_answers
    from upo_sdk.evaluation.before_after import compare_rewards, explain
    from upo_sdk.evaluation.generation import Sampling
    from upo_sdk.evaluation.schema import Estimate, Evaluation, Metric

__all__ = [
    "Answers",
    "Estimate",
    "Evaluation",
    "Metric",
    "Prompt",
    "Sampling",
    "answer_rewards",
    "compare_rewards",
    "distinct_prompts",
    "explain",
    "sample_answers",
]

_LAZY = {
    "Answers": "answers",
    "Estimate": "schema",
    "Evaluation": "schema",
    "Metric": "schema",
    "Prompt": "answers",
    "Sampling": "generation",
    "answer_rewards": "answers",
    "compare_rewards": "before_after",
    "distinct_prompts": "answers",
    "explain": "before_after",
    "sample_answers": "answers",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    msg = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(msg)
