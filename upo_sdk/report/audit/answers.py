"""What the model's own answers give away: their length, their repetition, how much they resemble each other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.evaluation.text_metrics import distinct, repetition
from upo_sdk.records import Estimate
from upo_sdk.report.audit import limits
from upo_sdk.report.audit.finding import Finding, Level
from upo_sdk.report.numbers import number, percent, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from upo_sdk.records import Sample

__all__ = ["audit_answers"]

_DISTINCT = 2  # pairs of words: single words hardly change, longer sequences hardly repeat across answers
_REPEATED = 3  # words are longer than tokens, of which four are usual


def audit_answers(samples: Sequence[Sample]) -> Iterator[Finding]:
    """Compare the answers before and after."""
    if not samples:
        text = "No answers were compared; `eval_prompts=64` lets the model answer before and after."
        for title in ("Length of the answers", "Repetition within an answer", "Variety across answers"):
            yield Finding(title=title, level=Level.UNKNOWN, number="", text=text)
        return
    for finding in (_length(samples), _repetition(samples), _variety(samples)):
        yield finding if len(samples) >= Estimate.ENOUGH else _of_few(finding, len(samples))


def _of_few(finding: Finding, answers: int) -> Finding:
    word = "answer says" if answers == 1 else "answers say"
    return replace(finding, level=Level.UNKNOWN, text=f"{finding.text} {answers} {word} little, either way.")


def _length(samples: Sequence[Sample]) -> Finding:
    before, after = (
        float(np.mean([getattr(sample.tokens, which) or 0 for sample in samples])) for which in ("baseline", "model")
    )
    title = "Length of the answers"
    if not before or not after:
        text = f"The mean answer had {number(before)} tokens before and has {number(after)} after: one model is silent."
        return Finding(title=title, level=Level.WARNING, number=f"{number(after)} tokens", text=text)
    ratio = after / before
    level = _level(max(ratio, 1 / ratio), limits.LENGTH_LOOK, limits.LENGTH_WARNING)
    text = (
        f"The mean answer has {after:.1f} tokens, {ratio:.2f} times the {before:.1f} before. "
        f"{_MEANING[level]['length']}"
    )
    return Finding(title=title, level=level, number=f"× {ratio:.2f}", text=text)


def _repetition(samples: Sequence[Sample]) -> Finding:
    before, after = (float(np.mean([repetition(words, _REPEATED) for words in texts])) for texts in _words(samples))
    level = _level(after - before, limits.REPETITION_LOOK, limits.REPETITION_WARNING)
    text = (
        f"{percent(after)} of the word sequences within an answer are repeats, {percent(before)} before. "
        f"{_MEANING[level]['repetition']}"
    )
    return Finding(title="Repetition within an answer", level=level, number=signed(after - before), text=text)


def _variety(samples: Sequence[Sample]) -> Finding:
    title = "Variety across answers"
    old, new = (distinct(texts, _DISTINCT) for texts in _words(samples))
    if not old.exists or not new.exists:
        return Finding(title=title, level=Level.UNKNOWN, number="", text="No answer had two words.")
    before, after = old.value, new.value
    ratio = after / before
    level = _level(-ratio, -limits.DISTINCT_LOOK, -limits.DISTINCT_WARNING)
    text = (
        f"{percent(after)} of the pairs of words over all answers are distinct, {percent(before)} before. "
        f"{_MEANING[level]['variety']}"
    )
    return Finding(title=title, level=level, number=f"× {ratio:.2f}", text=text)


def _words(samples: Sequence[Sample]) -> tuple[list[list[str]], list[list[str]]]:
    return [(sample.baseline or "").split() for sample in samples], [sample.model.split() for sample in samples]


def _level(value: float, look: float, warning: float) -> Level:
    return Level.WARNING if value > warning else Level.LOOK if value > look else Level.OK


_MEANING = {
    Level.OK: {
        "length": f"That is within {limits.LENGTH_LOOK:g} times.",
        "repetition": "That is no rise to speak of.",
        "variety": f"That is above {limits.DISTINCT_LOOK:g} times what it was.",
    },
    Level.LOOK: {
        "length": "A scorer may like the length more than the content: read a few answers.",
        "repetition": "Read the longest answers: some may go in circles.",
        "variety": "Answers begin to resemble each other: read a few side by side.",
    },
    Level.WARNING: {
        "length": "Length alone may explain much of what the rewards say.",
        "repetition": "The model goes in circles, which many scorers do not mind.",
        "variety": "The model has found a few answers that please and gives them to everyone.",
    },
}
