"""What the loss gives away: who pulls at the model, how few responses carry the weight, how preferences fared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.records import Estimate
from upo_sdk.report.audit import limits
from upo_sdk.report.audit.finding import Finding, Level, worst
from upo_sdk.report.contributions import contributions
from upo_sdk.report.numbers import percent
from upo_sdk.statistics import share_interval

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from upo_sdk.records import RewardDistribution
    from upo_sdk.report.collect import RunReport

__all__ = ["audit_pull"]


def audit_pull(run: RunReport) -> Iterator[Finding]:
    """Look at the gradient, the advantage weights and the preference pairs."""
    yield from _shares(run)
    yield from _variance(run)
    yield from _weights(run)
    yield from _accuracy(run)


def _shares(run: RunReport) -> Iterator[Finding]:
    """One finding about who pulls; a run of preference objectives alone has nothing to compare."""
    if not run.auxiliary:
        return
    title = "Share of the gradient"
    known = {item.label: item.share for item in contributions(run).objectives if item.share is not None}
    if not known or not contributions(run).measured_after_gate:
        text = "No row was logged after the auxiliary term started."
        yield Finding(title=title, level=Level.UNKNOWN, number="", text=text)
        return
    preference = sum(known.get(label, 0.0) for label in run.preference)
    idle = [label for label in run.auxiliary if known.get(label, 0.0) < limits.SHARE_IDLE]
    drowned = preference < limits.SHARE_DROWNED
    text = f"The preference objectives have {percent(preference)} of the gradient, "
    text += ", ".join(f"{label} {percent(known.get(label))}" for label in run.auxiliary) + "."
    if drowned:
        text += " The preferences are all but drowned: lower the weights or γ."
    if idle:
        text += f" {', '.join(idle)} pulls too little to teach anything that can be seen."
    level = worst(Level.WARNING if drowned else Level.OK, Level.LOOK if idle else Level.OK)
    yield Finding(title=title, level=level, number=percent(preference), text=text)


def _variance(run: RunReport) -> Iterator[Finding]:
    rewards = run.distributions.rewards if run.distributions else ()
    shares = {item.label: item.variance_share for item in rewards if item.variance_share is not None}
    if len(shares) < 2:  # noqa: PLR2004 - one alone always decides alone
        return
    label, share = max(shares.items(), key=lambda item: item[1])
    alone = share > limits.SHARE_OF_AUXILIARY
    text = f"{label} makes up {percent(share)} of how the summed reward varies between responses. "
    text += (
        f"The others hardly change which response is learned from{_advice(rewards, label)}."
        if alone
        else f"From {percent(limits.SHARE_OF_AUXILIARY)} on, it would decide alone."
    )
    yield Finding(
        title="Which objective decides the advantage",
        level=Level.LOOK if alone else Level.OK,
        number=percent(share),
        text=text,
    )


def _advice(rewards: Sequence[RewardDistribution], deciding: str) -> str:
    """Return what would give the others a say; more weight does nothing for a reward that is at its ceiling."""
    full = [item.label for item in rewards if item.label != deciding and item.at_ceiling]
    if full:
        return f"; nearly all responses of the data have the highest reward of {', '.join(full)} already"
    return ": raise their weights, or normalise the rewards"


def _weights(run: RunReport) -> Iterator[Finding]:
    value = run.last("advantage/ess")
    if value is None:
        return
    if value < limits.ESS_WARNING:
        level, text = (
            Level.WARNING,
            "A handful of responses teaches everything: lower `loss.lambda` or set `loss.advantage_cap`.",
        )
    elif value < limits.ESS_LOOK:
        level, text = Level.LOOK, "Few responses carry most of the weight; a lower `loss.lambda` spreads it."
    else:
        level, text = Level.OK, f"That is above {percent(limits.ESS_LOOK)}."
    yield Finding(
        title="How many responses carry the weight",
        level=level,
        number=percent(value),
        text=f"The effective sample size of the advantage weights is {percent(value)} of the responses. {text}",
    )


def _accuracy(run: RunReport) -> Iterator[Finding]:
    title, name = "Preference accuracy", "rewards/accuracies"
    held_out = _Share.of(run.held_out_value(name), run.held_out_value("rewards/pairs"))
    training = _Share.of(run.last(name), run.last("rewards/pairs"))
    if held_out is None:
        if training is not None:
            text = f"Of {training}, logged last in training, are ranked right; no pairs were held out."
            yield Finding(title=title, level=Level.UNKNOWN, number=percent(training.value), text=text)
        return
    best = max(value for _, value in run.held_out_series(name))
    text = f"Of {held_out} held out are ranked right" + (f", of {training} in training." if training else ".")
    level = Level.OK
    if held_out.pairs < Estimate.ENOUGH:
        level, text = Level.UNKNOWN, f"{text} So few pairs say nothing."
    elif held_out.high < limits.ACCURACY_CHANCE:
        level, text = Level.WARNING, f"{text} That is below chance: the model was turned against the preferences."
    elif best - held_out.value > limits.ACCURACY_DROP and best > held_out.high:
        level, text = Level.WARNING, f"{text} It was {percent(best)} earlier in the run: fewer steps were better."
    elif training and training.value - held_out.value > limits.ACCURACY_GAP and training.low > held_out.high:
        level, text = Level.LOOK, f"{text} The gap says that pairs are being memorised."
    yield Finding(title=title, level=level, number=percent(held_out.value), text=text)


@dataclass(frozen=True, slots=True)
class _Share:
    """A share of pairs, with its 95 % interval."""

    value: float
    pairs: int
    low: float
    high: float

    @classmethod
    def of(cls, value: float | None, pairs: float | None) -> _Share | None:
        count = round(pairs or 0)
        return None if value is None else cls(value, count, *(share_interval(value, count) if count else (0.0, 1.0)))

    def __str__(self) -> str:
        between = f"{percent(self.low)} to {percent(self.high)}"
        return f"{self.pairs:,} pair{'s' if self.pairs != 1 else ''} {percent(self.value)} (95 %: {between})"
