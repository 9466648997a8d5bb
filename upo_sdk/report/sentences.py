"""What a run did, in plain sentences: the top of its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.numbers import number
from upo_sdk.report.weights import explain_weights

if TYPE_CHECKING:
    from upo_sdk.report.collect import RunReport

__all__ = ["headline", "outcome_sentences", "weight_sentences"]


def headline(run: RunReport) -> str:
    """Say how the run ended."""
    record = run.run
    steps = record.steps or (run.rows[-1].step if run.rows else 0)
    seconds = run.summary.get("train_runtime")
    took = f" in {number(seconds)} seconds of training" if seconds else ""
    return {
        "completed": f"The run finished: {steps:,} steps{took}.",
        "cancelled": f"The run was stopped after {steps:,} steps{took}; its checkpoint is usable, and nothing below is "
        "about a finished model.",
        "failed": f"The run failed: {record.error or 'the reason was not recorded'}",
        "running": f"The run had not ended when this page was written; {steps:,} steps are logged.",
    }[record.status]


def outcome_sentences(run: RunReport) -> list[str]:
    """Say what happened to preferences and to each objective's reward."""
    sentences = list(run.run.explanation)
    if not run.rewards and run.run.status == "completed" and run.auxiliary:
        sentences.append(
            "What the model now answers was not measured: `eval_prompts=64` compares its answers before and after."
        )
    return sentences


def weight_sentences(run: RunReport) -> list[str]:
    """Say what the weights of this run did."""
    if not run.auxiliary:
        only = " and ".join(run.preference) or "nothing"
        return [f"Only {only} was in the loss, so there was nothing to weigh against it."]
    auxiliary = {item.label: item.weight for item in run.run.auxiliary}
    return list(explain_weights(auxiliary, run.preference, run.run.loss, run.rows))
