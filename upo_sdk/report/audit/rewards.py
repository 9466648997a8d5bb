"""What the rewards give away: an objective that got worse, one that likes length, a second scorer that disagrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.report.audit import limits
from upo_sdk.report.audit.finding import Finding, Level
from upo_sdk.report.numbers import signed, span
from upo_sdk.statistics import ENOUGH

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from upo_sdk.report.collect import RunReport
    from upo_sdk.report.samples import Sample
    from upo_sdk.result import BeforeAfter

__all__ = ["audit_rewards"]

_DIRECTIONS = {
    "fell": (Level.WARNING, "fell although it is in the loss: other terms outweigh it."),
    "rose": (Level.OK, "rose."),
    "open": (Level.LOOK, "did not change measurably: more weight, more steps or more prompts would tell."),
    "too few": (Level.UNKNOWN, f"cannot be judged: {ENOUGH} prompts are the least, `eval_prompts=64` is better."),
}


def audit_rewards(run: RunReport) -> Iterator[Finding]:
    """Look at every auxiliary objective, and at those that only scored the answers."""
    yield from (_direction(item) for label in run.auxiliary if (item := run.compared(label)))
    yield from _lengths(run)
    yield from _second_opinions(run)


def _direction(item: BeforeAfter) -> Finding:
    level, text = _DIRECTIONS[item.verdict]
    if item.verdict == "open" and item.at_ceiling:
        level, text = (
            Level.OK,
            "did not change: nearly all had the highest reward already.",
        )
    return Finding(
        title=f"Reward of {item.label}",
        level=level,
        number=signed(item.change),
        text=f"The mean reward of the answers to {item.prompts} prompts {text} The 95 % interval of the change is "
        f"{span(item.interval)}.",
    )


def _lengths(run: RunReport) -> Iterator[Finding]:
    if run.distributions is None:
        return
    for item in run.distributions.rewards:
        value, title = item.correlation_length, f"{item.label} and length"
        if value is None:
            yield Finding(title=title, level=Level.UNKNOWN, number="", text="The reward or the length never varies.")
            continue
        if run.distributions.completions < ENOUGH:
            text = f"{run.distributions.completions} responses are too few to say what the scorer likes."
            yield Finding(title=title, level=Level.UNKNOWN, number=f"r = {signed(value)}", text=text)
            continue
        size = abs(value)
        if size > limits.CORRELATION_WARNING:
            level, text = Level.WARNING, f"This scorer mostly likes {'long' if value > 0 else 'short'} responses."
        elif size > limits.CORRELATION_LOOK:
            level, text = Level.LOOK, f"This scorer likes {'long' if value > 0 else 'short'} responses, among others."
        else:
            level, text = Level.OK, f"That is within {limits.CORRELATION_LOOK:g} of none."
        yield Finding(
            title=title,
            level=level,
            number=f"r = {signed(value)}",
            text=f"Over the training responses its reward correlates {signed(value)} with their tokens. {text}",
        )


def _second_opinions(run: RunReport) -> Iterator[Finding]:
    title = "An independent scorer"
    compared = [item for label in run.held_out if (item := run.compared(label))]
    if not compared:
        text = (
            "Only the scorers that were optimised have judged this run, and a model can learn their mistakes. A second "
            "scorer with weight 0 never enters the loss and scores the answers before and after."
        )
        yield Finding(title=title, level=Level.UNKNOWN, number="", text=text)
        return
    for second in compared:
        for first in (item for label in run.auxiliary if (item := run.compared(label))):
            yield _second_opinion(first, second, run.samples)


def _second_opinion(first: BeforeAfter, second: BeforeAfter, samples: Sequence[Sample]) -> Finding:
    agreement = _agreement(first.label, second.label, samples)
    said = f"{second.label}, which is not in the loss, changed by {signed(second.change)} (95 %: "
    said += f"{span(second.interval)}) while {first.label} changed by {signed(first.change)}."
    rose, confirmed, denied = first.verdict == "rose", second.verdict == "rose", second.verdict == "fell"
    if second.verdict == "too few":
        level, text = Level.UNKNOWN, f"{said} {second.prompts} prompts are too few to say whether they part."
    elif agreement is None or abs(agreement) < limits.AGREEMENT:
        how = "never varied on both" if agreement is None else f"correlate only {signed(agreement)}"
        level = Level.LOOK if denied else Level.OK
        text = f"{said} Their scores {how} on the answers before, so they measure different things."
    elif rose and denied:
        level, text = Level.WARNING, f"{said} They agreed before ({signed(agreement)}): the scorer is being gamed."
    elif rose and not confirmed:
        level, text = Level.LOOK, f"{said} They agreed before ({signed(agreement)}): the gain is not confirmed."
    else:
        level, text = Level.OK, f"{said} They agreed before ({signed(agreement)}), and they do not part now."
    return Finding(
        title=f"{second.label} as a second opinion on {first.label}",
        level=level,
        number=signed(second.change),
        text=text,
    )


def _agreement(first: str, second: str, samples: Sequence[Sample]) -> float | None:
    """Return the correlation of two scorers over the answers before training."""
    pairs = [(sample.rewards[first].before, sample.rewards[second].before) for sample in samples]
    if len(pairs) < 3 or min(np.ptp(pairs, axis=0)) < 1e-9:  # noqa: PLR2004 - two points always correlate; float noise
        return None
    return float(np.corrcoef(np.array(pairs).T)[0, 1])
