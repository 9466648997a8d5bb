"""What a run did to each objective's reward, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.records import Estimate
from upo_sdk.statistics import share_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.records import EvaluationRecord, Metric

__all__ = ["explain"]


def explain(
    evaluation: EvaluationRecord | None,
    metrics: Mapping[str, float],
    *,
    auxiliary: Sequence[str],
    gate_opened: bool,
) -> tuple[str, ...]:
    """Say what the run did, one sentence per objective."""
    sentences = list[str]()
    held_out = "eval_" if "eval_rewards/accuracies" in metrics else ""
    if f"{held_out}rewards/accuracies" in metrics:
        share, pairs = metrics[f"{held_out}rewards/accuracies"], metrics.get(f"{held_out}rewards/pairs", 0)
        sentences.append(
            _preferences(share, round(pairs), "held-out pairs" if held_out else "training pairs logged last")
        )
    if auxiliary and not gate_opened:
        sentences.append(f"{', '.join(auxiliary)}: no effect, because the run ended before the auxiliary term started.")
        return tuple(sentences)
    if evaluation:
        split = evaluation.data.split
        sentences += [_sentence(label, metric, split) for label, metric in evaluation.rewards.items()]
    return tuple(sentences)


def _preferences(share: float, pairs: int, which: str) -> str:
    if pairs < Estimate.ENOUGH:
        counted = f"{pairs} {which} are" if pairs != 1 else f"1 {which.replace('pairs', 'pair')} is"
        return f"Preferences: {counted} too few to show how many the model now ranks correctly."
    low, high = share_interval(share, pairs)
    chance = ", so it could be chance" if low <= 0.5 <= high else ""  # noqa: PLR2004 - what a coin would get
    return (
        f"Preferences: the model now ranks the chosen response above the rejected one in {100 * share:.0f} % of the "
        f"{pairs:,} {which} (95 % interval {100 * low:.0f} to {100 * high:.0f} %, and 50 % is chance{chance})."
    )


def _sentence(label: str, metric: Metric, split: str) -> str:
    change, before = metric.difference, metric.baseline
    assert change is not None  # noqa: S101 - the base model is the baseline
    assert before is not None  # noqa: S101 - likewise
    prompts = f"{change.count} {split} {'prompt' if change.count == 1 else 'prompts'}"
    measured = f"{before.mean:.2f} before, {metric.value.mean:.2f} after (change {_signed(change.mean)}"
    measured += ")" if change.interval is None else f", 95 % interval {' to '.join(map(_signed, change.interval))})"
    reward = "the mean reward of the model's own answers"
    if metric.direction == "too few":
        return f"{label}: on {prompts} {reward} was {measured}: too few prompts to show whether it changed."
    verdict = "did not change measurably" if metric.direction == "open" else metric.direction
    full = "; nearly all answers had the highest reward already"
    return f"{label}: on {prompts} {reward} {verdict}: {measured}{full if _was_full(metric) else ''}."


def _was_full(metric: Metric) -> bool:
    return metric.direction == "open" and metric.at_ceiling


def _signed(change: float) -> str:
    """Return two decimals, or more where they would hide that it is not 0."""
    hidden = change != 0 and abs(change) < 0.005  # noqa: PLR2004 - what two decimals round to 0
    return f"{change:+.1g}" if hidden else f"{change + 0.0:+.2f}"
