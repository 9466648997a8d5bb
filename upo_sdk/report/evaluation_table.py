"""The table of ``eval.json``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upo_sdk.report.numbers import number, signed

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def evaluation_table(evaluation: Mapping[str, Any] | None) -> EvaluationTable | None:
    """Lay out the metrics; None if the run was not evaluated."""
    if evaluation is None:
        return None
    return EvaluationTable(
        prompts=int(evaluation.get("prompts", 0)),
        num_samples=int(evaluation.get("num_samples", 1)),
        description=str(evaluation.get("data", {}).get("description", "")),
        headers=("metric", "model", "baseline", "difference", "better"),
        rows=tuple(_row(name, metric) for name, metric in evaluation.get("metrics", {}).items()),
        notices=tuple(map(str, evaluation.get("notices", ()))),
    )


def _row(name: str, metric: Mapping[str, Any]) -> tuple[str, ...]:
    unit = metric.get("unit")
    return (
        f"{name} ({unit})" if unit else name,
        _estimate(metric["value"]),
        _estimate(metric.get("baseline")),
        _estimate(metric.get("difference"), difference=True),
        metric.get("better") or "–",
    )


def _estimate(estimate: Mapping[str, Any] | None, *, difference: bool = False) -> str:
    if not estimate:
        return "–"
    write = signed if difference else number
    if estimate["low"] is None:
        return write(estimate["mean"])
    return f"{write(estimate['mean'])} ({write(estimate['low'])} to {write(estimate['high'])})"
