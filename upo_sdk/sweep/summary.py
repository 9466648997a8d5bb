"""What the finished points amount to: rows, the Pareto front, and the time that the caches saved."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from upo_sdk.errors import ConfigError, did_you_mean
from upo_sdk.records import CacheUse, ParetoAxis, Saving
from upo_sdk.sweep.averages import make_rows
from upo_sdk.sweep.pareto import Better, is_clear, pareto_optimal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.records import Metric, SweepPoint, SweepRecord

__all__ = ["saving", "summarized"]

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
