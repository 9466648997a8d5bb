"""The measured numbers of a card: as ``model-index`` entries for the hub, and as Markdown tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from huggingface_hub import EvalResult

    from upo_sdk.publish.card.record import ComparisonRecord, EstimateRecord, EvaluationRecord, MetricRecord, RunRecord

__all__ = ["comparison_table", "eval_results", "evaluation_table", "objective_table"]


def eval_results(run: RunRecord, evaluation: EvaluationRecord | None) -> list[EvalResult]:
    """Return every mean of the model: those of ``eval.json``, else the rewards that the run compared at its end."""
    from huggingface_hub import EvalResult

    origin = run.data.origin
    about: Mapping[str, Any] = {
        "task_type": "text-generation",
        "dataset_type": (origin.hub_id if origin else None) or "custom",
        "dataset_name": origin.name if origin else run.data.description,
    }
    if evaluation is None:
        return [
            EvalResult(
                **about,
                dataset_split=item.split,
                metric_type=f"reward/{item.label}",
                metric_name=f"mean reward {item.label}",
                metric_value=round(item.after, 6),
            )
            for item in run.before_after
        ]
    about = {**about, "dataset_split": evaluation.data.split}
    return [
        EvalResult(**about, metric_type=name, metric_name=name, metric_value=round(metric.value.mean, 6))
        for name, metric in evaluation.metrics.items()
    ]


def objective_table(run: RunRecord) -> str:
    """Return a row per objective, with its weight and how it is written."""
    rows = [
        (
            _code(item.label),
            item.kind if item.weight else "scores answers only",
            f"{item.weight:g}" + (f"@{item.schedule}" if item.schedule else ""),
            _code(item.objective),
            f"{item.distribution} {item.version}".rstrip(),
        )
        for item in (*run.objectives, *run.held_out)
    ]
    return _table(("name", "kind", "weight", "written as", "from"), rows)


def comparison_table(run: RunRecord) -> str:
    """Return the mean reward of the answers before and after, with the interval of the paired change."""
    rows = [
        (
            _code(item.label),
            f"{item.before:.3f}",
            f"{item.after:.3f}",
            f"{item.after - item.before:+.3f} ({_interval(item)})",
            f"{item.prompts} {item.split}",
        )
        for item in run.before_after
    ]
    return _table(("mean reward", "before", "after", "change (95 % interval)", "prompts"), rows)


def evaluation_table(evaluation: EvaluationRecord) -> str:
    """Return a row per metric of ``eval.json``."""
    rows = [
        (
            _code(name),
            metric.better or "",
            _estimate(metric.baseline),
            _estimate(metric.value),
            _estimate(metric.difference, sign="+"),
        )
        for name, metric in sorted(evaluation.metrics.items(), key=_main_metrics_first)
    ]
    return _table(("metric", "better", "before (95 % interval)", "after", "change"), rows)


def _main_metrics_first(item: tuple[str, MetricRecord]) -> bool:
    return item[0].startswith("violations/")


def _interval(item: ComparisonRecord) -> str:
    return f"{item.interval[0]:+.3f} to {item.interval[1]:+.3f}" if item.interval else "one prompt: no interval"


def _estimate(estimate: EstimateRecord | None, sign: str = "") -> str:
    if estimate is None:
        return ""
    if estimate.low is None or estimate.high is None:
        return f"{estimate.mean:{sign}.3g}"
    mean, low, high = (f"{value:{sign}.3g}" for value in (estimate.mean, estimate.low, estimate.high))
    return f"{mean} ({low} to {high})"


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(header), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
