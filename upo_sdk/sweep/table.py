"""The table of a sweep as text: one row per point, averaged over seeds, with intervals and the Pareto front marked."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.records import Metric, SweepRecord, SweepRow

__all__ = ["remarks", "shown_metrics", "table_rows"]

_ALSO_SHOWN = ("helpful", "rude", "kl", "length/tokens")  # the first two are the demo's


def shown_metrics(sweep: SweepRecord) -> list[str]:
    """Return the metrics that have a column: those that points are compared by, then what else changed."""
    compared = [axis.metric for axis in sweep.pareto_axes]
    measured = {name for row in sweep.rows for name in row.metrics}
    return [*compared, *(name for name in _ALSO_SHOWN if name in measured and name not in compared)]


def table_rows(sweep: SweepRecord) -> tuple[list[str], list[list[str]]]:
    """Return the headers, and the cells of every row: the model that all start from first, failed points last."""
    metrics = shown_metrics(sweep)
    rows = [[_mark(row), row.name, *_cells(row.metrics, metrics), f"{len(row.points)}"] for row in sweep.rows]
    start = [["", "(before)", *_cells(sweep.baseline, metrics), ""]] if sweep.baseline else []
    headers = ["", "point", *metrics, "runs"]
    if all(len(row.points) == 1 for row in sweep.rows):
        return headers[:-1], [row[:-1] for row in (*start, *rows)]
    return headers, [*start, *rows]


def remarks(sweep: SweepRecord) -> list[str]:
    """Say in sentences what the marks mean, what failed, and what the caches saved."""
    sentences = list[str]()
    if any(row.pareto for row in sweep.rows):
        axes = " and ".join(f"{axis.metric} ({axis.better} is better)" for axis in sweep.pareto_axes)
        sentences.append(f"* no other point is better in one and at least as good in the rest of: {axes}")
    if any(_mark(row) == "~" for row in sweep.rows):
        sentences.append("~ the same by the means, but not beyond the 95 % intervals: it may be chance")
    sentences += [
        f"failed: {point.name}: {point.failure.what}"
        for point in sweep.points
        if point.status == "failed" and point.failure
    ]
    if sweep.saving is not None:
        saved, share = sweep.saving.saved_seconds, sweep.saving.share
        sentences.append(
            f"caches: scores, reference log-probs and base answers of earlier points saved {saved:.0f} s, "
            f"{share:.0%} of the {sweep.saving.spent_seconds + saved:.0f} s that the points would have taken"
        )
    return sentences


def _mark(row: SweepRow) -> str:
    return "" if not row.pareto else "*" if row.clear else "~"


def _cells(metrics: Mapping[str, Metric], names: Sequence[str]) -> list[str]:
    return [_cell(metrics.get(name)) for name in names]


def _cell(metric: Metric | None) -> str:
    if metric is None:
        return "-"
    value = metric.value
    if value.interval is None:
        return f"{value.mean:.3f}"
    low, high = value.interval
    return f"{value.mean:.3f} ±{(high - low) / 2:.3f}"
