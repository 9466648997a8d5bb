"""What the rewards give away: an objective that got worse, one that likes length, a second scorer that disagrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.records import Estimate
from upo_sdk.report.audit import limits
from upo_sdk.report.audit.finding import Finding, Level
from upo_sdk.report.numbers import signed, span

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from upo_sdk.records import Metric, Sample
    from upo_sdk.report.collect import RunReport

__all__ = ["audit_rewards"]

_DIRECTIONS = {
    "fell": (Level.WARNING, "fell although it is in the loss: other terms outweigh it."),
    "rose": (Level.OK, "rose."),
    "open": (Level.LOOK, "did not change measurably: more weight, more steps or more prompts would tell."),
    "too few": (
        Level.UNKNOWN,
        f"cannot be judged: {Estimate.ENOUGH} prompts are the least, `eval_prompts=64` is better.",
    ),
}


def audit_rewards(run: RunReport) -> Iterator[Finding]:
    """Look at every auxiliary objective, and at those that only scored the answers."""
    yield from (_direction(label, run.rewards[label]) for label in run.auxiliary if label in run.rewards)
    yield from _lengths(run)
    yield from _second_opinions(run)


def _direction(label: str, reward: Metric) -> Finding:
    level, text = _DIRECTIONS[reward.direction]
    if reward.direction == "open" and reward.at_ceiling:
        level, text = (
            Level.OK,
            "did not change: nearly all had the highest reward already.",
        )
    return Finding(
        title=f"Reward of {label}",
        level=level,
        number=signed(_change(reward)),
        text=f"The mean reward of the answers to {reward.value.count} prompts {text} The 95 % interval of the change "
        f"is {span(_interval(reward))}.",
    )


def _lengths(run: RunReport) -> Iterator[Finding]:
    if run.distributions is None:
        return
    for item in run.distributions.rewards:
        value, title = item.correlation_length, f"{item.label} and length"
        if value is None:
            yield Finding(title=title, level=Level.UNKNOWN, number="", text="The reward or the length never varies.")
            continue
        if run.distributions.completions < Estimate.ENOUGH:
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
    seconds = [label for label in run.held_out if label in run.rewards]
    if not seconds:
        text = (
            "Only the scorers that were optimised have judged this run, and a model can learn their mistakes. A second "
            "scorer with weight 0 never enters the loss and scores the answers before and after."
        )
        yield Finding(title=title, level=Level.UNKNOWN, number="", text=text)
        return
    for second in seconds:
        for first in (label for label in run.auxiliary if label in run.rewards):
            yield _second_opinion(first, second, run.rewards, run.samples)


def _second_opinion(first: str, second: str, rewards: Mapping[str, Metric], samples: Sequence[Sample]) -> Finding:
    agreement = _agreement(first, second, samples)
    ours, theirs = rewards[first], rewards[second]
    said = f"{second}, which is not in the loss, changed by {signed(_change(theirs))} (95 %: "
    said += f"{span(_interval(theirs))}) while {first} changed by {signed(_change(ours))}."
    rose, confirmed, denied = ours.direction == "rose", theirs.direction == "rose", theirs.direction == "fell"
    if theirs.direction == "too few":
        level, text = Level.UNKNOWN, f"{said} {theirs.value.count} prompts are too few to say whether they part."
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
        title=f"{second} as a second opinion on {first}",
        level=level,
        number=signed(_change(theirs)),
        text=text,
    )


def _agreement(first: str, second: str, samples: Sequence[Sample]) -> float | None:
    """Return the correlation of two scorers over the answers before training."""
    both = [(_before(first, sample), _before(second, sample)) for sample in samples]
    pairs = [(one, other) for one, other in both if one is not None and other is not None]
    if len(pairs) < 3 or min(np.ptp(pairs, axis=0)) < 1e-9:  # noqa: PLR2004 - two points always correlate; float noise
        return None
    return float(np.corrcoef(np.array(pairs).T)[0, 1])


def _before(label: str, sample: Sample) -> float | None:
    return {**sample.normalized_rewards, **sample.rewards}[label].baseline


def _change(reward: Metric) -> float | None:
    return reward.difference.mean if reward.difference else None


def _interval(reward: Metric) -> tuple[float, float] | None:
    return reward.difference.interval if reward.difference else None
