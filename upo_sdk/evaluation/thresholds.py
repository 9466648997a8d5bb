"""Conditions, for example ``toxicity>0.02``, under which an evaluation fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from upo_sdk.condition import Condition, parse_condition
from upo_sdk.errors import ConfigError, did_you_mean
from upo_sdk.records import Estimate, Verdict

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from upo_sdk.records import Metric

__all__ = ["Threshold", "check_names", "check_prompts", "judge_all", "parse_threshold"]

Part = Literal["value", "low", "high", "baseline", "difference", "difference.low", "difference.high"]

_PARTS: tuple[Part, ...] = ("difference.low", "difference.high", "difference", "baseline", "low", "high", "value")
_FORM = "write METRIC>NUMBER, with >, <, >= or <=, for example toxicity>0.02 or toxicity.difference>0.01"


@dataclass(frozen=True, slots=True, kw_only=True)
class Threshold:
    """A condition on one number of one metric.

    Attributes:
        metric: The metric's name.
        part: Which of its numbers: the mean, an end of its interval, the baseline's mean, or the paired difference.
    """

    condition: Condition
    metric: str
    part: Part

    def judge(self, metric: Metric | None) -> Verdict:
        """Return whether the condition holds.

        Without a value, or with fewer than :data:`~upo_sdk.records.Estimate.ENOUGH` prompts behind it, it does: a
        gate is never passed unmeasured.
        """
        value = None if metric is None or not metric.value.enough else _number(metric, self.part)
        holds = value is None or bool(self.condition.holds(value))
        return Verdict(condition=self.condition.text, value=value, limit=self.condition.limit, holds=holds)


def parse_threshold(text: str) -> Threshold:
    """Read a condition.

    Raises:
        ConfigError: It does not have the form, or the limit is no finite number.
    """
    condition = parse_condition(text, "fail_if", _FORM)
    name, part = _split(condition.name)
    return Threshold(condition=condition, metric=name, part=part)


def check_names(thresholds: Sequence[Threshold], known: Collection[str]) -> None:
    """Check that every metric exists.

    Raises:
        ConfigError: One does not; the message lists those that do.
    """
    for item in thresholds:
        if item.metric not in known:
            raise ConfigError(
                f"there is no metric '{item.metric}' here",
                where=f"`fail_if={item.condition.text}`",
                fix=f"{did_you_mean(item.metric, list(known))}metrics: {', '.join(known)}",
            )


def check_prompts(thresholds: Sequence[Threshold], prompts: int, asked: int) -> None:
    """Check that there are prompts enough to judge a condition.

    Args:
        thresholds: The conditions.
        prompts: Distinct prompts of the data.
        asked: Of them at most so many are answered.

    Raises:
        ConfigError: There are not.
    """
    enough = Estimate.ENOUGH
    if thresholds and min(prompts, asked) < enough:
        raise ConfigError(
            f"a condition needs at least {enough} prompts, and {min(prompts, asked)} are evaluated: with fewer, chance "
            "decides",
            where=f"`fail_if={thresholds[0].condition.text}`",
            fix=f"give `eval_prompts={Estimate.ENOUGH}` or more"
            if prompts >= Estimate.ENOUGH
            else "evaluate on more prompts: `data.path`",
        )


def judge_all(thresholds: Sequence[Threshold], metrics: Mapping[str, Metric]) -> list[Verdict]:
    """Return whether each condition holds."""
    return [item.judge(metrics.get(item.metric)) for item in thresholds]


def _split(name: str) -> tuple[str, Part]:
    for part in _PARTS:
        if name.endswith(f".{part}"):
            return name.removesuffix(f".{part}"), part
    return name, "value"


def _number(metric: Metric, part: Part) -> float | None:
    estimates = {"baseline": metric.baseline, "difference": metric.difference}
    first, _, end = part.partition(".")
    estimate = estimates.get(first, metric.value)
    if estimate is None:
        return None
    bounds = {"low": estimate.low, "high": estimate.high}
    return bounds.get(end or first, estimate.mean)
