"""The page about a sweep."""

from __future__ import annotations

from importlib.metadata import version
from itertools import combinations
from typing import TYPE_CHECKING

from upo_sdk.report.charts.frontier import Dot, frontier, metric_by_row
from upo_sdk.report.render import fill
from upo_sdk.report.sweep_view import estimate, headline, outcome_sentences, view_sweep

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.records import ParetoAxis, SweepRecord
    from upo_sdk.report.charts.chart import Chart
    from upo_sdk.report.sweep_view import SweepView

__all__ = ["render_sweep"]

_PLOTS = 6  # more pairs of axes than this are not drawn: the table has them all
_BASE = "the model before"


def render_sweep(sweep: SweepRecord, folder: Path) -> str:
    """Return the page about a sweep whose ``sweep.json`` is in a folder."""
    view = view_sweep(sweep, folder)
    pairs = list(combinations(view.axes, 2))
    return fill(
        "sweep.html.j2",
        view=view,
        sweep=sweep,
        title=folder.absolute().name,
        headline=headline(view),
        outcome_sentences=list(outcome_sentences(view)),
        frontiers=[chart for pair in pairs[:_PLOTS] if (chart := _frontier(view, *pair, joined=len(pairs) == 1))],
        not_drawn=max(0, len(pairs) - _PLOTS),
        metric_charts=[chart for axis in view.axes if (chart := _metric(view, axis))],
        estimate=estimate,
        again=f"upo report {folder.absolute()}",
        version=version("upo-sdk"),
    )


def _frontier(view: SweepView, x: ParetoAxis, y: ParetoAxis, *, joined: bool) -> Chart | None:
    dots = [
        Dot(
            number=item.number,
            name=f"{item.number} · {item.row.name}",
            x=item.row.metrics[x.metric].value,
            y=item.row.metrics[y.metric].value,
            optimal=bool(item.row.pareto),
        )
        for item in view.rows
        if {x.metric, y.metric} <= item.row.metrics.keys()
    ]
    if not dots:
        return None
    base = view.sweep.baseline
    if {x.metric, y.metric} <= base.keys():
        dots.insert(0, Dot(number=0, name=_BASE, x=base[x.metric].value, y=base[y.metric].value, optimal=False))
    return frontier(dots, x, y, joined=joined)


def _metric(view: SweepView, axis: ParetoAxis) -> Chart | None:
    rows = [
        (item.number, item.row.name, item.row.metrics[axis.metric].value)
        for item in view.rows
        if axis.metric in item.row.metrics
    ]
    base = view.sweep.baseline.get(axis.metric)
    return metric_by_row(rows, axis, base.value if base else None) if rows else None
