"""What a run did to each objective's reward, with an interval, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.result import BeforeAfter
from upo_sdk.statistics import ENOUGH, Sums, difference, share_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.arrays import FloatArray


__all__ = ["compare_rewards", "explain"]


def compare_rewards(label: str, before: FloatArray, after: FloatArray, *, split: str) -> BeforeAfter:
    """Compare rewards of generations for the same prompts of a split; paired, Student's t, 95 %."""
    old, new = Sums.grouped(before, 1), Sums.grouped(after, 1)
    return BeforeAfter(
        label=label,
        before=old.value,
        after=new.value,
        interval=difference(new, old).interval,
        prompts=len(before),
        split=split,
        highest=float(np.maximum(before, after).max()),
    )


def explain(
    comparisons: Sequence[BeforeAfter], metrics: Mapping[str, float], *, auxiliary: Sequence[str], gate_opened: bool
) -> tuple[str, ...]:
    """Say what the run did, one sentence per objective."""
    sentences = list[str]()
    split = "eval_" if "eval_rewards/accuracies" in metrics else ""
    if f"{split}rewards/accuracies" in metrics:
        share, pairs = metrics[f"{split}rewards/accuracies"], metrics.get(f"{split}rewards/pairs", 0)
        sentences.append(_preferences(share, round(pairs), "held-out pairs" if split else "training pairs logged last"))
    if auxiliary and not gate_opened:
        sentences.append(f"{', '.join(auxiliary)}: no effect, because the run ended before the auxiliary term started.")
        return tuple(sentences)
    return (*sentences, *map(_sentence, comparisons))


def _preferences(share: float, pairs: int, which: str) -> str:
    if pairs < ENOUGH:
        counted = f"{pairs} {which} are" if pairs != 1 else f"1 {which.replace('pairs', 'pair')} is"
        return f"Preferences: {counted} too few to say how many the model now ranks right."
    low, high = share_interval(share, pairs)
    chance = ", so it could be chance" if low <= 0.5 <= high else ""  # noqa: PLR2004 - what a coin would get
    return (
        f"Preferences: the model now ranks the chosen response above the rejected one in {100 * share:.0f} % of the "
        f"{pairs:,} {which} (95 % interval {100 * low:.0f} to {100 * high:.0f} %, and 50 % is chance{chance})."
    )


def _sentence(item: BeforeAfter) -> str:
    prompts = f"{item.prompts} {item.split} {'prompt' if item.prompts == 1 else 'prompts'}"
    measured = f"{item.before:.2f} before, {item.after:.2f} after (change {_signed(item.change)}"
    measured += ")" if item.interval is None else f", 95 % interval {' to '.join(map(_signed, item.interval))})"
    reward = "the mean reward of the model's own answers"
    if item.verdict == "too few":
        return f"{item.label}: on {prompts} {reward} was {measured}: too few prompts to say whether it changed."
    verdict = "did not change measurably" if item.verdict == "open" else item.verdict
    full = "; nearly all answers had the highest reward already" if item.verdict == "open" and item.at_ceiling else ""
    return f"{item.label}: on {prompts} {reward} {verdict}: {measured}{full}."


def _signed(change: float) -> str:
    """Return two decimals, or more where they would hide that it is not 0."""
    hidden = change != 0 and abs(change) < 0.005  # noqa: PLR2004 - what two decimals round to 0
    return f"{change:+.1g}" if hidden else f"{change + 0.0:+.2f}"
