"""A sweep as its page shows it: numbered rows, their metrics, and the points behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from upo_sdk.report.numbers import number, percent, with_interval
from upo_sdk.statistics import differ

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from upo_sdk.records import Metric, ParetoAxis, SweepPoint, SweepRecord, SweepRow

__all__ = ["PointView", "RowView", "SweepView", "estimate", "headline", "outcome_sentences", "view_sweep"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointView:
    """One run of the sweep; ``report`` and ``folder`` are addresses relative to the page."""

    point: SweepPoint
    report: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowView:
    """One row of the table, numbered as in the plots from 1 on."""

    number: int
    row: SweepRow
    points: tuple[PointView, ...]

    @property
    def key(self) -> str:
        """What the page calls it."""
        return f"row-{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepView:
    """Everything that a page about a sweep shows.

    Attributes:
        axes: What rows are compared by; the preference accuracy comes first, since it runs along the bottom.
        metrics: Names of all metrics, those of the axes first.
    """

    sweep: SweepRecord
    rows: tuple[RowView, ...]
    points: tuple[PointView, ...]
    axes: tuple[ParetoAxis, ...]
    metrics: tuple[str, ...]


def view_sweep(sweep: SweepRecord, folder: Path) -> SweepView:
    """Lay out a sweep whose ``sweep.json`` is in a folder."""
    points = {point.name: _point(point, folder) for point in sweep.points}
    axes = tuple(sorted(sweep.pareto_axes, key=lambda axis: axis.metric != "accuracy"))
    first = [axis.metric for axis in axes]
    others = [name for row in sweep.rows for name in row.metrics if name not in first]
    return SweepView(
        sweep=sweep,
        rows=tuple(
            RowView(number=place, row=row, points=tuple(points[name] for name in row.points if name in points))
            for place, row in enumerate(sweep.rows, start=1)
        ),
        points=tuple(points.values()),
        axes=axes,
        metrics=tuple(dict.fromkeys([*first, *others])),
    )


def estimate(metric: Metric | None) -> str:
    """Write a mean with its interval."""
    return with_interval(metric.value if metric else None)


def headline(view: SweepView) -> str:
    """Say how far the sweep is."""
    states = [item.point.status for item in view.points]
    done = states.count("done")
    text = f"{done} of {len(states)} points are done, in {len(view.rows)} row{'s' if len(view.rows) != 1 else ''}"
    failed = states.count("failed")
    return f"{text}; {failed} failed." if failed else f"{text}."


def outcome_sentences(view: SweepView) -> Iterator[str]:
    """Say what the sweep found, in plain sentences."""
    compared = _names([axis.metric for axis in view.axes])
    best = [item for item in view.rows if item.row.pareto]
    if view.axes and best:
        yield (
            f"{len(best)} of {len(view.rows)} rows are Pareto-optimal by {compared}: no other row's means are at "
            f"least as good in each of them and better in one. {_clear(best)}"
        )
    for axis in view.axes:
        yield from _extreme(view, axis)
    saving = view.sweep.saving
    if saving:
        yield (
            f"The caches saved about {number(saving.saved_seconds)} seconds, {percent(saving.share)} of what the "
            "sweep would have taken without them."
        )


def _extreme(view: SweepView, axis: ParetoAxis) -> Iterator[str]:
    measured = [(item.row.metrics[axis.metric].value, item) for item in view.rows if axis.metric in item.row.metrics]
    if not measured:
        return
    value, item = (max if axis.better == "higher" else min)(measured, key=lambda pair: pair[0].mean)
    base = view.sweep.baseline.get(axis.metric)
    against = f"; the model before has {number(base.value.mean)}" if base else ""
    alike = sum(other is not item and not differ(found, value) for found, other in measured)
    chance = f" {alike} other row{'s are' if alike > 1 else ' is'} within the intervals of it." if alike else ""
    yield (f"The best {axis.metric} is {number(value.mean)}, of row {item.number} ({item.row.name}){against}.{chance}")


def _clear(best: Sequence[RowView]) -> str:
    clear = [f"{item.number}" for item in best if item.row.clear]
    return f"Beyond the 95\u00a0% intervals that holds of {'row ' + ', '.join(clear) if clear else 'none'}."


def _names(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _point(point: SweepPoint, folder: Path) -> PointView:
    address = quote(point.folder)
    has_report = (folder / point.folder / "report.html").is_file()
    return PointView(
        point=point,
        report=f"{address}/report.html" if has_report else "",
        folder=f"{address}/" if (folder / point.folder).is_dir() else "",
    )
