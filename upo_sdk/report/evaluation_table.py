"""The table of ``eval.json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.report.numbers import number, signed

if TYPE_CHECKING:
    from upo_sdk.records import Estimate, EvaluationRecord, Metric

__all__ = ["EvaluationTable", "evaluation_table"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluationTable:
    """An evaluation as the page shows it; every cell is text."""

    prompts: int
    num_samples: int
    description: str
    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    notices: tuple[str, ...]


def evaluation_table(evaluation: EvaluationRecord | None) -> EvaluationTable | None:
    """Lay out the metrics; None if the run was not evaluated."""
    if evaluation is None:
        return None
    return EvaluationTable(
        prompts=evaluation.prompts,
        num_samples=evaluation.num_samples,
        description=evaluation.data.description,
        headers=("metric", "model", "baseline", "difference", "better"),
        rows=tuple(_row(name, metric) for name, metric in evaluation.metrics.items()),
        notices=evaluation.notices,
    )


def _row(name: str, metric: Metric) -> tuple[str, ...]:
    return (
        f"{name} ({metric.unit})" if metric.unit else name,
        _estimate(metric.value),
        _estimate(metric.baseline),
        _estimate(metric.difference, difference=True),
        metric.better or "–",
    )


def _estimate(estimate: Estimate | None, *, difference: bool = False) -> str:
    if estimate is None:
        return "–"
    write = signed if difference else number
    if estimate.interval is None:
        return write(estimate.mean)
    low, high = estimate.interval
    return f"{write(estimate.mean)} ({write(low)} to {write(high)})"
