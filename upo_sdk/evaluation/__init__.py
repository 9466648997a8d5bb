"""Evaluation: a model's own answers, measured beside a baseline's."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upo_sdk.evaluation.answers import Answers, Prompt, distinct_prompts, sample_answers
    from upo_sdk.evaluation.generation import Sampling

__all__ = [
    "Answers",
    "Prompt",
    "Sampling",
    "distinct_prompts",
    "sample_answers",
]

_LAZY = {
    "Answers": "answers",
    "Prompt": "answers",
    "Sampling": "generation",
    "distinct_prompts": "answers",
    "sample_answers": "answers",
}


def __getattr__(name: str) -> object:
    if name in _LAZY:
        return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    msg = f"module '{__name__}' has no attribute '{name}'"
    raise AttributeError(msg)
