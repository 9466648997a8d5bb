"""A run as its page shows it: sentences, the table of an evaluation, excerpts of samples, and how to do it again."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.config.files import RESOLVED_CONFIG
from upo_sdk.report.numbers import number, signed, with_interval
from upo_sdk.report.weights import explain_weights

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.records import Compared, EvaluationRecord, Metric, RunRecord, Sample
    from upo_sdk.report.collect import RunReport

__all__ = [
    "Excerpt",
    "Excerpts",
    "Text",
    "evaluation_rows",
    "excerpts",
    "headline",
    "install_command",
    "outcome_sentences",
    "repeat_command",
    "weight_sentences",
]

_SAMPLES = 24
_OPEN = 700  # characters that are shown without asking
_KEPT = 12_000  # characters of one text that the page holds at all
_BUDGET = 600_000  # characters of all texts: markup and charts come on top, and the page stays below 2 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text as the page shows it.

    Attributes:
        start: What is always shown.
        rest: What is shown on demand.
        left_out: Characters that are only in ``samples.jsonl``.
    """

    start: str
    rest: str
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """One sample as the page shows it."""

    prompt: Text
    baseline: Text
    model: Text
    tokens: Compared
    rewards: Mapping[str, Compared]
    unchanged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpts:
    """The samples on the page; ``total`` and ``unchanged`` count all samples of the run."""

    shown: tuple[Excerpt, ...]
    total: int
    unchanged: int


def excerpts(samples: Sequence[Sample]) -> Excerpts:
    """Take the first samples, in order: none is picked."""
    shown = list[Excerpt]()
    size = 0
    for sample in samples[:_SAMPLES]:
        size += sum(min(len(text), _KEPT) for text in (sample.prompt, sample.baseline or "", sample.model))
        if shown and size > _BUDGET:
            break
        shown.append(
            Excerpt(
                prompt=_cut(sample.prompt),
                baseline=_cut(sample.baseline or ""),
                model=_cut(sample.model),
                tokens=sample.tokens,
                rewards={**sample.normalized_rewards, **sample.rewards},
                unchanged=sample.baseline == sample.model,
            )
        )
    unchanged = sum(sample.baseline == sample.model for sample in samples)
    return Excerpts(shown=tuple(shown), total=len(samples), unchanged=unchanged)


def _cut(text: str) -> Text:
    if len(text) <= _OPEN:
        return Text(start=text, rest="", left_out=0)
    return Text(start=text[:_OPEN], rest=text[_OPEN:_KEPT], left_out=max(0, len(text) - _KEPT))


def evaluation_rows(evaluation: EvaluationRecord) -> list[tuple[str, ...]]:
    """Return the cells of the table of metrics: name, model, baseline, difference and which direction is better."""
    return [_row(name, metric) for name, metric in evaluation.metrics.items()]


def _row(name: str, metric: Metric) -> tuple[str, ...]:
    return (
        f"{name} ({metric.unit})" if metric.unit else name,
        with_interval(metric.value),
        with_interval(metric.baseline),
        with_interval(metric.difference, signed),
        metric.better or "–",
    )


def install_command(run: RunRecord) -> str:
    """Return what installs the versions that decide the numbers."""
    named = [name for name in ("upo-sdk", "torch", "transformers") if name in run.software]
    plugins = {
        f"{item.distribution}=={item.version}"
        for item in run.objectives
        if item.version and item.distribution != "upo-sdk"
    }
    pins = [f"{name}=={run.software[name].partition('+')[0]}" for name in named]
    return shlex.join(["pip", "install", *pins, *sorted(plugins)])


def repeat_command(run: RunRecord) -> str:
    """Return what runs the resolved configuration in a new folder."""
    folder = run.output_dir.absolute()
    return shlex.join(["upo", "train", "-c", str(folder / RESOLVED_CONFIG), "--output_dir", f"{folder.name}-again"])


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
