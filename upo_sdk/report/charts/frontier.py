"""The trade-off between two metrics; every point is a link, which the page's style shows a card for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upo_sdk.report.charts.chart import Chart, Layer, Link, Table, dashed, drawn, nominal, quantitative
from upo_sdk.report.numbers import number, span_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.records import Estimate, ParetoAxis

__all__ = ["Dot", "frontier", "metric_by_row"]

_WIDTH, _HEIGHT = 400, 330
_ROW = 26
_BASE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """One row of a sweep, or with number 0 the model that all points start from."""

    number: int
    name: str
    x: Estimate
    y: Estimate
    optimal: bool

    @property
    def key(self) -> str:
        """What the page calls its card."""
        return f"row-{self.number}"

    @property
    def kind(self) -> str:
        """How it is drawn."""
        return "base" if self.number == _BASE else "optimal" if self.optimal else "other"


def frontier(dots: Sequence[Dot], x: ParetoAxis, y: ParetoAxis, *, joined: bool) -> Chart:
    """Draw one metric against another; better is up and to the right.

    Args:
        dots: What to draw.
        x: The metric along the bottom; its axis is reversed if lower is better.
        y: The metric up the side, likewise.
        joined: Whether to join the Pareto-optimal rows by a line.
    """
    links = {
        dot.key: Link(
            href=f"#{dot.key}",
            css=f"point p-{dot.number}",
            label=f"{dot.name}: {x.metric} {number(dot.x.mean)}, {y.metric} {number(dot.y.mean)}"
            + (", Pareto-optimal" if dot.optimal else ""),
        )
        for dot in dots
    }
    return Chart(
        title=f"{y.metric} against {x.metric}",
        unit="better is up and to the right",
        note="Numbers are rows of the table; filled ones are Pareto-optimal"
        + (", the diamond is the model before" if any(dot.number == _BASE for dot in dots) else "")
        + ". Bars are 95\u00a0% intervals.",
        label=f"{len(dots)} points, {y.metric} against {x.metric}",
        svg=drawn(_rows(dots), *_layers(x, y, joined=joined), width=_WIDTH, height=_HEIGHT, links=links),
        table=Table(
            headers=("row", x.metric, y.metric, "Pareto-optimal"),
            rows=tuple(
                (dot.name, number(dot.x.mean), number(dot.y.mean), "yes" if dot.optimal else "") for dot in dots
            ),
        ),
    )


def metric_by_row(rows: Sequence[tuple[int, str, Estimate]], axis: ParetoAxis, base: Estimate | None) -> Chart:
    """Draw one metric of every row with its interval; a line marks the model before."""
    data = [
        {
            "row": f"{place}",
            "x": value.mean,
            "low": _ends(value)[0],
            "high": _ends(value)[1],
            "spoken": f"{name}: {number(value.mean)}, 95 % interval {span_of(value)}",
        }
        for place, name, value in rows
    ]
    by_row = nominal("row", sort=None, title=None, axis={"grid": False, "labelColor": "currentColor"})
    colour = "var(--series-1)"
    spans: Layer = {
        "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round", "color": colour, "opacity": 0.4},
        "encoding": {
            "x": quantitative("low", title=axis.metric, scale={"zero": False}, axis={"format": "~g"}),
            "x2": {"field": "high"},
            "y": by_row,
        },
    }
    means: Layer = {
        "mark": {"type": "point", "filled": True, "opacity": 1, "size": 60, "color": colour},
        "encoding": {"x": quantitative("x"), "y": by_row, "description": nominal("spoken")},
    }
    before = [dashed("x", base.mean)] if base else []
    return Chart(
        title=axis.metric,
        unit=f"{axis.better} is better",
        note="By row, with 95 % intervals." + (" The dashed line is the model before." if base else ""),
        label=f"Dots with intervals, {axis.metric} by row: " + "; ".join(str(item["spoken"]) for item in data) + ".",
        svg=drawn(data, *before, spans, means, height=_ROW * len(data) + 60),
        table=Table(
            headers=("row", "mean", "95 % interval"),
            rows=tuple((f"{place} · {name}", number(value.mean), span_of(value)) for place, name, value in rows),
        ),
    )


def _ends(value: Estimate) -> tuple[float, float]:
    return value.interval or (value.mean, value.mean)


def _rows(dots: Sequence[Dot]) -> list[dict[str, object]]:
    return [
        {
            "x": dot.x.mean,
            "x_low": _ends(dot.x)[0],
            "x_high": _ends(dot.x)[1],
            "y": dot.y.mean,
            "y_low": _ends(dot.y)[0],
            "y_high": _ends(dot.y)[1],
            "kind": dot.kind,
            "key": dot.key,
            "text": str(dot.number) if dot.number else "",
        }
        for dot in dots
    ]


def _layers(x: ParetoAxis, y: ParetoAxis, *, joined: bool) -> list[Layer]:
    where = {"x": _axis("x", x, grid=True), "y": _axis("y", y)}
    bar = {"type": "rule", "strokeWidth": 1.5, "opacity": 0.35}
    line: Layer = {
        "transform": [{"filter": "datum.kind === 'optimal'"}],
        "mark": {"type": "line", "color": "var(--series-1)", "strokeWidth": 1.5, "opacity": 0.6},
        "encoding": where,
    }
    return [
        {"mark": bar, "encoding": {**where, "x": quantitative("x_low"), "x2": {"field": "x_high"}}},
        {"mark": bar, "encoding": {**where, "y": quantitative("y_low"), "y2": {"field": "y_high"}}},
        *([line] if joined else []),
        {
            "mark": {"type": "point", "opacity": 1, "size": 200, "strokeWidth": 1.5},
            "encoding": {
                **where,
                "shape": _by_kind("circle", "circle", "diamond"),
                "fill": _by_kind("var(--series-1)", "var(--page)", "var(--page)"),
                "stroke": _by_kind("var(--series-1)", "var(--muted)", "var(--series-2)"),
                "description": nominal("key"),
            },
        },
        {
            "mark": {"type": "text", "fontWeight": "bold", "fontSize": 10},
            "encoding": {
                **where,
                "text": nominal("text"),
                "color": _by_kind("var(--page)", "var(--text)", "var(--text)"),
            },
        },
    ]


def _axis(field: str, axis: ParetoAxis, **options: object) -> dict[str, Any]:
    scale = {"zero": False, "nice": True, "reverse": axis.better == "lower", "padding": 24}
    return quantitative(field, title=axis.metric, scale=scale, axis={"format": "~g", **options})


def _by_kind(optimal: str, other: str, base: str) -> dict[str, Any]:
    scale = {"domain": ["optimal", "other", "base"], "range": [optimal, other, base]}
    return nominal("kind", scale=scale, legend=None)
