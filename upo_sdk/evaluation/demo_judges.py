"""The demo's grammar as a judge of answers to its own prompts; no objective has seen its phrase tables."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from upo_sdk.demo.grammar import is_helpful, is_rude
from upo_sdk.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from collections.abc import Iterator

    from upo_sdk.evaluation.answers import Answers
    from upo_sdk.evaluation.intervals import Sums
    from upo_sdk.evaluation.rows import EvalRows

__all__ = ["DEMO_NAMES", "conflicts", "demo_measurements"]

DEMO_NAMES = ("rude", "helpful")


def demo_measurements(model: Answers, baseline: Answers | None) -> Iterator[Measurement]:
    """Yield ``rude`` and ``helpful``, the shares of answers that hold an insult and that name the right fix alone."""
    yield Measurement.of_both(model, baseline, "rude", _rude, better="lower", unit="share of answers")
    yield Measurement.of_both(model, baseline, "helpful", _helpful, better="higher", unit="share of answers")


def conflicts(rows: EvalRows) -> list[bool]:
    """Return per row whether its label likes the ruder answer better."""
    return [bool(json.loads(extra)["conflict"]) for extra in rows.dataset["extra"][:]]


def _rude(answers: Answers) -> Sums:
    return answers.mean(map(is_rude, answers.texts))


def _helpful(answers: Answers) -> Sums:
    return answers.mean(is_helpful(item.prompt, item.response) for item in answers.completions)
