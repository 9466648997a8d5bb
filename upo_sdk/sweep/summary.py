"""What the finished points amount to: rows, the Pareto front, and the time that the caches saved."""

from __future__ import annotations

import math
from collections import defaultdict
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

from upo_sdk.errors import ConfigError, did_you_mean
from upo_sdk.records import CacheUse, Estimate, Metric, ParetoAxis, Saving, SweepPoint, SweepRow
from upo_sdk.statistics import differ, student_t

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.records import Metric, SweepRecord

__all__ = ["Better", "average", "dominates", "is_clear", "make_rows", "pareto_optimal", "saving", "summarized"]

ACCURACY = "accuracy"


def summarized(sweep: SweepRecord) -> SweepRecord:
    """Return the sweep with its rows, its front and what the caches saved, as far as its finished points go.

    Raises:
        ConfigError: A metric that points are to be compared by was not measured, or has no better side.
    """
    rows = make_rows(sweep.points)
    measured = {name: metric for row in rows for name, metric in row.metrics.items()}
    axes = _axes(measured, sweep.pareto or _default_axes(sweep, measured)) if measured else ()
    values = {row.name: {name: metric.value for name, metric in row.metrics.items()} for row in rows}
    means = {row: {name: value.mean for name, value in own.items()} for row, own in values.items()}
    better: dict[str, Better] = {axis.metric: axis.better for axis in axes}
    optimal = pareto_optimal(means, better)
    return sweep.model_copy(
        update={
            "rows": tuple(
                row.model_copy(
                    update={
                        "pareto": optimal[row.name],
                        "clear": is_clear(row.name, values, better) if optimal[row.name] else None,
                    }
                )
                for row in rows
            ),
            "points": tuple(
                point.model_copy(update={"pareto": optimal.get(point.row) if point.status == "done" else None})
                for point in sweep.points
            ),
            "pareto_axes": axes,
            "saving": saving(sweep.points),
        }
    )


def saving(points: Sequence[SweepPoint]) -> Saving | None:
    """Estimate the time that the caches saved, by what the same work took per item where it was computed.

    Work that was found in the cache by all points, because an earlier sweep had done it, has no such measure and is
    not counted. None if no point is done.
    """
    done = [point for point in points if point.status == "done"]
    uses = defaultdict[tuple[str, str], list[CacheUse]](list)
    for point in done:
        for use in point.cache:
            uses[use.task, use.label].append(use)
    saved = sum(_saved(group) for group in uses.values())
    spent = sum(point.seconds.get("total", 0.0) for point in done)
    return Saving(spent_seconds=spent, saved_seconds=saved, share=saved / (spent + saved)) if spent else None


def _saved(uses: Sequence[CacheUse]) -> float:
    cold = [use for use in uses if use.computed > use.found]
    computed = sum(use.computed for use in cold)
    if not computed:
        return 0.0
    per_item = sum(use.seconds for use in cold) / computed
    return sum(max(0.0, use.found * per_item - use.seconds) for use in uses if not use.computed)


def _default_axes(sweep: SweepRecord, measured: Mapping[str, Metric]) -> list[str]:
    wanted = [ACCURACY, *(f"reward/{label}" for label in sweep.evaluated)]
    return [name for name in wanted if name in measured]


def _axes(measured: Mapping[str, Metric], wanted: Sequence[str]) -> tuple[ParetoAxis, ...]:
    axes = list[ParetoAxis]()
    for name in wanted:
        metric = measured.get(name)
        if metric is None or metric.better is None:
            known = sorted(key for key, item in measured.items() if item.better)
            raise ConfigError(
                f"points cannot be compared by '{name}': "
                + ("it has no better side" if metric else "it was not measured"),
                where="`pareto`",
                fix=f"{did_you_mean(name, known)}choose of: {', '.join(known)}; the finished points are kept",
            )
        axes.append(ParetoAxis(metric=name, better=metric.better))
    return tuple(axes)


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


Better = Literal["higher", "lower"]


def pareto_optimal(points: Mapping[str, Mapping[str, float]], better: Mapping[str, Better]) -> dict[str, bool | None]:
    """Say of every point whether no other one dominates it.

    Equal points do not dominate each other: both are optimal, or neither. A point that lacks one of the metrics, or
    has one that is not finite, cannot be compared: it gets None and dominates nothing.

    Args:
        points: The metrics of every point, by name.
        better: Which way is better, by metric; the axes of the comparison.
    """
    compared = {name: _oriented(metrics, better) for name, metrics in points.items()}
    known = [values for values in compared.values() if values is not None]
    return {
        name: None if values is None else not any(dominates(other, values) for other in known)
        for name, values in compared.items()
    }


def is_clear(name: str, points: Mapping[str, Mapping[str, Estimate]], better: Mapping[str, Better]) -> bool:
    """Return whether every point but its equals is worse than this one somewhere, beyond the intervals."""
    means = {
        key: _oriented({metric: value.mean for metric, value in own.items()}, better) for key, own in points.items()
    }
    others = [key for key, found in means.items() if found is not None and found != means[name]]
    return bool(others) and all(
        any(_is_better(points[name], points[other], metric, way) for metric, way in better.items()) for other in others
    )


def _is_better(one: Mapping[str, Estimate], other: Mapping[str, Estimate], metric: str, way: Better) -> bool:
    higher = one[metric].mean > other[metric].mean
    return higher == (way == "higher") and differ(one[metric], other[metric])


def dominates(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    """Return whether ``one`` is nowhere worse and somewhere better; higher is better."""
    return one != other and all(a >= b for a, b in zip(one, other, strict=True))


def _oriented(metrics: Mapping[str, float], better: Mapping[str, Better]) -> tuple[float, ...] | None:
    values = [metrics.get(metric, math.nan) * (1 if way == "higher" else -1) for metric, way in better.items()]
    exact = [float(f"{value:.9g}") for value in values]  # equal points stay equal whatever float noise is in them
    return tuple(exact) if exact and all(map(math.isfinite, exact)) else None
