"""What a run did to each objective's reward, with an interval, and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.evaluation.intervals import Bootstrap, Sums
from upo_sdk.result import BeforeAfter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.scoring.score import FloatArray

__all__ = ["compare_rewards", "explain"]


def compare_rewards(label: str, before: FloatArray, after: FloatArray, *, split: str, seed: int) -> BeforeAfter:
    """Compare rewards of generations for the same prompts of a split; paired bootstrap, 95 %."""
    old, new = Sums.grouped(before, 1), Sums.grouped(after, 1)
    change = Bootstrap(len(before), seed).difference(new, old)
    return BeforeAfter(
        label=label,
        before=old.value,
        after=new.value,
        interval=(change.low, change.high),
        prompts=len(before),
        split=split,
    )


def explain(
    comparisons: Sequence[BeforeAfter], metrics: Mapping[str, float], *, auxiliary: Sequence[str], gate_opened: bool
) -> tuple[str, ...]:
    """Say what the run did, one sentence per objective."""
    sentences = list[str]()
    split = "eval_" if "eval_rewards/accuracies" in metrics else ""
    if f"{split}rewards/accuracies" in metrics:
        where = "held-out" if split else "last steps'"
        sentences.append(
            f"Preferences: the model now ranks the chosen response above the rejected one in "
            f"{100 * metrics[f'{split}rewards/accuracies']:.0f} % of the {where} pairs (50 % is chance)."
        )
    if auxiliary and not gate_opened:
        sentences.append(f"{', '.join(auxiliary)}: no effect, because the run ended before the auxiliary term started.")
        return tuple(sentences)
    return (*sentences, *map(_sentence, comparisons))


def _sentence(item: BeforeAfter) -> str:
    low, high = item.interval
    verdict = "rose" if low > 0 else "fell" if high < 0 else "did not change measurably"
    return (
        f"{item.label}: on {item.prompts} {item.split} prompts the mean reward of the model's own answers {verdict}: "
        f"{item.before:.2f} before, {item.after:.2f} after (change {item.after - item.before:+.2f}, "
        f"95 % interval {low:+.2f} to {high:+.2f})."
    )
