"""What a run did, in plain sentences: the top of its report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from upo_sdk.report.numbers import number, percent, signed
from upo_sdk.report.worth import worth

if TYPE_CHECKING:
    from collections.abc import Iterator

    from upo_sdk.report.collect import RunReport
    from upo_sdk.report.worth import ObjectiveWorth, Worth

__all__ = ["headline", "loss_settings", "story", "weights_story"]

_NEUTRAL_COSINE = 0.1


def headline(run: RunReport) -> str:
    """Say how the run ended."""
    status, steps = run.manifest.get("status", "unknown"), run.manifest.get("steps")
    if steps is None:
        steps = int(run.rows[-1]["step"]) if run.rows else 0
    seconds = run.summary.get("train_runtime")
    took = f" in {number(seconds)} seconds of training" if seconds else ""
    return {
        "completed": f"The run finished: {steps:,} steps{took}.",
        "cancelled": f"The run was stopped after {steps:,} steps{took}; its checkpoint is usable, and nothing below is "
        "about a finished model.",
        "failed": f"The run failed: {run.manifest.get('error', 'the reason was not recorded')}",
        "running": f"The run had not ended when this page was written; {steps:,} steps are logged.",
    }.get(status, f"The state of the run is not known: {status}.")


def story(run: RunReport) -> list[str]:
    """Say what happened to preferences and to each objective's reward."""
    sentences = [str(sentence) for sentence in run.manifest.get("explanation", ())]
    if not run.before_after and run.manifest.get("status") == "completed" and run.auxiliary:
        sentences.append(
            "What the model now answers was not measured: --eval_prompts 64 compares its answers before and after."
        )
    return sentences


def weights_story(run: RunReport) -> list[str]:
    """Say what the weights of this run did."""
    found = worth(run)
    if not run.auxiliary:
        only = " and ".join(run.preference) or "nothing"
        return [f"Only {only} was in the loss, so there was nothing to weigh against it."]
    if not found.measured_after_gate:
        return ["The auxiliary term had not started in any logged step: the weights had no effect."]
    return [*_shares(run, found), *_settings(run)]


def loss_settings(run: RunReport) -> dict[str, Any]:
    """The section ``loss`` of the resolved configuration; empty if there is none."""
    loaded = yaml.safe_load(run.config) if run.config else None
    return loaded.get("loss", {}) if isinstance(loaded, dict) else {}


def _shares(run: RunReport, found: Worth) -> Iterator[str]:
    rows = {item.label: item for item in found.objectives}
    steps = f"steps {found.first_step:,} to {found.last_step:,}"
    if found.first_step == found.last_step:
        steps = f"step {found.first_step:,}"
    preference = sum(rows[label].share or 0.0 for label in run.preference)
    yield (
        f"While the auxiliary term was on ({steps}), the preferences had {percent(preference)} of the gradient, and "
        f"plain imitation of the data, which comes with the auxiliary term, had {percent(rows['likelihood'].share)}."
    )
    for label in run.auxiliary:
        yield _pull(rows[label])


def _pull(item: ObjectiveWorth) -> str:
    text = f"A weight of {number(item.weight)} gave {item.label} {percent(item.share)} of the gradient"
    if item.cosine is None:
        return f"{text}."
    if item.cosine > _NEUTRAL_COSINE:
        how = "it pulled the same way as the rest"
    elif item.cosine < -_NEUTRAL_COSINE:
        how = "it pulled against the rest"
    else:
        how = "it pulled neither with the rest nor against it"
    return f"{text}; {how} (cosine {signed(item.cosine)})."


def _settings(run: RunReport) -> Iterator[str]:
    loss = loss_settings(run)
    if "gamma" in loss and "lambda" in loss:
        yield (
            f"How much a weight is worth depends on γ = {number(loss['gamma'])}, λ = {number(loss['lambda'])}, β and "
            "the length of the responses: compare shares, not weights, between runs."
        )
