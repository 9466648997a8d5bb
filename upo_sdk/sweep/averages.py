"""Rows of the table: the mean of a point's metrics over its seeds, with an interval over seeds and prompts."""

from __future__ import annotations

import math
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from upo_sdk.records import Estimate, Metric, SweepPoint, SweepRow
from upo_sdk.statistics import student_t

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["average", "make_rows"]


def make_rows(points: Sequence[SweepPoint]) -> tuple[SweepRow, ...]:
    """Return one row for each group of finished points that differ in their seed only, in the order of the points."""
    groups = dict[str, list[SweepPoint]]()
    for point in points:
        if point.status == "done":
            groups.setdefault(point.row, []).append(point)
    return tuple(
        SweepRow(
            name=name,
            values={key: value for key, value in group[0].values.items() if key != "seed"},
            points=tuple(point.name for point in group),
            metrics={
                metric: average([point.metrics[metric] for point in group])
                for metric in group[0].metrics
                if all(metric in point.metrics for point in group)
            },
        )
        for name, group in groups.items()
    )


def average(metrics: Sequence[Metric]) -> Metric:
    """Return the mean over seeds; of one seed, the metric as it is.

    The interval joins what the seeds and what the prompts leave open: with half-widths ``s = t·sd/√n`` over the ``n``
    means and ``p``, the mean of the half-widths over prompts (the same prompts for every seed, so more seeds do not
    narrow it), it is ``±√(s² + p²)``. It errs on the wide side, as each mean varies with its answers too.
    """
    if len(metrics) == 1:
        return metrics[0]
    values = [metric.value for metric in metrics]
    mean = fmean(value.mean for value in values)
    over_seeds = student_t(len(values) - 1) * stdev(value.mean for value in values) / math.sqrt(len(values))
    lows = [value.mean - value.low for value in values if value.low is not None]
    highs = [value.high - value.mean for value in values if value.high is not None]
    known = len(lows) == len(values)
    return metrics[0].model_copy(
        update={
            "baseline": None,
            "difference": None,
            "value": Estimate(
                mean=mean,
                low=mean - math.hypot(over_seeds, fmean(lows)) if known else None,
                high=mean + math.hypot(over_seeds, fmean(highs)) if known else None,
                count=min(value.count for value in values),
            ),
        }
    )
