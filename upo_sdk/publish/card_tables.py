"""The measured numbers of a card: as ``model-index`` entries for the hub, and as Markdown tables for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from huggingface_hub import EvalResult

    from upo_sdk.records import Estimate, EvaluationRecord, Metric, RunRecord

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
    measured = evaluation or run.evaluation
    if measured is None:
        return []
    metrics = measured.metrics.items()
    about = {**about, "dataset_split": measured.data.split}
    return [
        EvalResult(**about, metric_type=name, metric_name=name, metric_value=round(metric.value.mean, 6))
        for name, metric in metrics
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


def comparison_table(evaluation: EvaluationRecord) -> str:
    """Return the mean reward of the answers before and after a run, with the interval of the paired change."""
    rows = [
        (
            _code(label),
            f"{metric.baseline.mean:.3f}" if metric.baseline else "",
            f"{metric.value.mean:.3f}",
            _change(metric),
            f"{metric.value.count} {evaluation.data.split}",
        )
        for label, metric in evaluation.rewards.items()
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


def _main_metrics_first(item: tuple[str, Metric]) -> bool:
    return item[0].startswith("violations/")


def _change(metric: Metric) -> str:
    change = metric.difference
    if change is None:
        return ""
    interval = change.interval
    span = f"{interval[0]:+.3f} to {interval[1]:+.3f}" if interval else "one prompt: no interval"
    return f"{change.mean:+.3f} ({span})"


def _estimate(estimate: Estimate | None, sign: str = "") -> str:
    if estimate is None:
        return ""
    if estimate.interval is None:
        return f"{estimate.mean:{sign}.3g}"
    mean, low, high = (f"{value:{sign}.3g}" for value in (estimate.mean, *estimate.interval))
    return f"{mean} ({low} to {high})"


def _code(text: str) -> str:
    return f"`{text.replace('`', '')}`"


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(header), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
