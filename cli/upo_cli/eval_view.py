"""What ``upo eval`` shows: the table of metrics, some answers side by side, and which conditions hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_cli.output import Table, console, say
from upo_sdk.records import Estimate

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from upo_sdk.records import Cost, EvaluationRecord, Metric, PositionBias, Sample, Verdict, WinRate

__all__ = ["print_evaluation"]

_PER_CATEGORY = "violations/"


def print_evaluation(result: EvaluationRecord) -> None:
    """Show everything but the violations of single categories, which are in ``eval.json``."""
    out = console()
    say(_headline(result))
    out.print()
    out.print(Table("metric", "model", "baseline", "difference, 95 % interval", "better", rows=list(_rows(result))))
    out.print()
    if result.judge is not None:
        for line in _judge_lines(result.judge):
            say(line)
        out.print()
    for sample in result.samples:
        _print_sample(sample, out)
    if result.prompts < Estimate.ENOUGH:
        say(f"note: fewer than {Estimate.ENOUGH} prompts are too few to draw conclusions")
    for verdict in result.verdicts:
        say(_sentence(verdict), style="red" if verdict.holds else None)
    say(f"written: {result.config['output_dir']}/eval.json and eval-samples.jsonl")


def _headline(result: EvaluationRecord) -> str:
    baseline = f" beside {result.baseline.path}" if result.baseline else ""
    pairs = f", {result.pairs:,} pairs" if result.pairs else ""
    return (
        f"{result.model.path}{baseline}: {result.prompts:,} {result.data.split} "
        f"{'prompt' if result.prompts == 1 else 'prompts'}, "
        f"{result.num_samples} {'answer' if result.num_samples == 1 else 'answers'} each{pairs}, seed {result.seed}"
    )


def _rows(result: EvaluationRecord) -> Iterator[list[str]]:
    for name, metric in result.metrics.items():
        if not name.startswith(_PER_CATEGORY):
            yield [name, _value(metric), _baseline(metric), _difference(metric), metric.better or ""]


def _value(metric: Metric) -> str:
    found = metric.value
    return _number(found.mean) + (f" ({found.low:.3g} to {found.high:.3g})" if found.interval else "")


def _baseline(metric: Metric) -> str:
    return _number(metric.baseline.mean) if metric.baseline else "-"


def _difference(metric: Metric) -> str:
    found = metric.difference
    if found is None:
        return "-"
    return f"{found.mean:+.3g}" + (f" ({found.low:+.3g} to {found.high:+.3g})" if found.interval else "")


def _number(value: float) -> str:
    return f"{value:.3g}"


def _print_sample(sample: Sample, out: Console) -> None:
    lines = [("prompt", sample.prompt), ("baseline", sample.baseline), ("model", sample.model)]
    for name, text in lines:
        if text is not None:
            say(f"{name + ':':10}{' '.join(text.split())}")
    out.print()


def _sentence(verdict: Verdict) -> str:
    if verdict.value is None:
        return (
            f"failed: {verdict.condition}: the metric has no value here, or fewer than {Estimate.ENOUGH} prompts "
            "behind it, so the condition cannot be checked"
        )
    return f"{'failed' if verdict.holds else 'fine'}: {verdict.condition}: the value is {verdict.value:.6g}"


def _judge_lines(found: WinRate) -> Iterator[str]:
    """Yield what stands behind the rates: counts, position bias, length, failures and cost."""
    who = found.judge.model or found.judge.target
    what = "baseline's answers" if found.against == "baseline" else "data's chosen responses"
    yield (
        f"judge {who}, against the {what}: {found.wins:,} wins, {found.ties:,} ties, {found.losses:,} losses"
        f"{f' ({found.identical:,} ties of equal answers)' if found.identical else ''}"
    )
    if found.position is not None:
        yield f"  order: {_order(found.position)}"
    if found.length_effect is not None and found.length_difference is not None:
        yield f"  length: {_length(found.length_difference, found.length_effect)}"
    for failure in found.failures:
        pairs = "1 pair" if failure.pairs == 1 else f"{failure.pairs:,} pairs"
        yield f"  not judged: {pairs}, {failure.reason}: {failure.example}"
    for remark in found.remarks:
        yield f"  note: {remark}"
    yield f"  cost: {_cost(found.cost)}"


def _order(position: PositionBias) -> str:
    text = f"swapping the answers changed the winner of {position.inconsistent:.0f} % of the pairs"
    return text if position.first is None else f"{text}; the first answer was preferred in {position.first:.0f} %"


def _length(difference: float, effect: float) -> str:
    liking = "likes" if effect > 0 else "dislikes"
    return f"{difference:+,.0f} characters per answer, and the judge {liking} length ({effect:+.2f} log-odds)"


def _cost(cost: Cost) -> str:
    parts = [f"{cost.requests:,} requests"]
    if cost.cached is not None:
        parts.append(f"{cost.cached:,} verdicts from the cache")
    if cost.prompt_tokens is not None:
        parts.append(f"{cost.prompt_tokens:,} + {cost.completion_tokens or 0:,} tokens")
    parts.append(f"{cost.seconds:,.1f} s")
    if cost.price is not None:
        parts.append(f"price {cost.price:,.4g}")
    return ", ".join(parts)
