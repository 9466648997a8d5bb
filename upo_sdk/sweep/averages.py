"""Rows of the table: the mean of a point's metrics over its seeds, with an interval over seeds and prompts."""

from __future__ import annotations

import math
from statistics import fmean, stdev
from typing import TYPE_CHECKING

from upo_sdk.evaluation.schema import Estimate
from upo_sdk.evaluation.sweep_schema import SweepMetric, SweepPoint, SweepRow

if TYPE_CHECKING:
    from collections.abc import Sequence


__all__ = ["average", "make_rows"]

_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228)
"""The 97.5 % quantile of Student's t with 1, 2, ... degrees of freedom; with more, 1.96 + 2.4/df is close above."""


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


def average(metrics: Sequence[SweepMetric]) -> SweepMetric:
    """Return the mean over seeds; of one seed, the metric as it is.

    The interval joins what the seeds and what the prompts leave open: with half-widths ``s = t·sd/√n`` over the ``n``
    means and ``p``, the mean of the bootstrap's half-widths over prompts (the same prompts for every seed, so more
    seeds do not narrow it), it is ``±√(s² + p²)``. It errs on the wide side, as each mean varies with its answers too.
    """
    if len(metrics) == 1:
        return metrics[0]
    values = [metric.value for metric in metrics]
    mean = fmean(value.mean for value in values)
    over_seeds = _t(len(values) - 1) * stdev(value.mean for value in values) / math.sqrt(len(values))
    below = math.hypot(over_seeds, fmean(value.mean - value.low for value in values))
    above = math.hypot(over_seeds, fmean(value.high - value.mean for value in values))
    count = sum(value.count for value in values)
    estimate = Estimate(mean=mean, low=mean - below, high=mean + above, count=count)
    return metrics[0].model_copy(update={"value": estimate})


def _t(degrees: int) -> float:
    return _T[degrees - 1] if degrees <= len(_T) else 1.96 + 2.4 / degrees
