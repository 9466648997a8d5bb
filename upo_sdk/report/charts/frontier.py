"""The trade-off between two metrics; every point is a link, which the page's style shows a card for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.report.charts.chart import Chart, Link, Table, drawn, marks
from upo_sdk.report.numbers import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    import altair as alt

    from upo_sdk.evaluation.schema import Estimate
    from upo_sdk.evaluation.sweep_schema import ParetoAxis

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
        svg=drawn(*_layers(dots, x, y, joined=joined), width=_WIDTH, height=_HEIGHT, links=links),
        table=Table(
            headers=("row", x.metric, y.metric, "Pareto-optimal"),
            rows=tuple(
                (dot.name, number(dot.x.mean), number(dot.y.mean), "yes" if dot.optimal else "") for dot in dots
            ),
        ),
    )


def metric_by_row(rows: Sequence[tuple[int, str, Estimate]], axis: ParetoAxis, base: Estimate | None) -> Chart:
    """Draw one metric of every row with its interval; a line marks the model before."""
    import altair as alt

    data = [
        {
            "row": f"{place}",
            "x": value.mean,
            "low": value.low,
            "high": value.high,
            "spoken": f"{name}: {number(value.mean)}, 95 % interval {number(value.low)} to {number(value.high)}",
        }
        for place, name, value in rows
    ]
    chart = marks(data).encode(
        y=alt.Y("row:N", sort=None, title=None, axis=alt.Axis(grid=False, labelColor="currentColor"))
    )
    spans = chart.mark_rule(strokeWidth=3, strokeCap="round", color="var(--series-1)", opacity=0.4).encode(
        x=alt.X("low:Q", title=axis.metric, scale=alt.Scale(zero=False), axis=alt.Axis(format="~g")),
        x2=alt.X2("high:Q"),
    )
    dots = chart.mark_point(filled=True, opacity=1, size=60, color="var(--series-1)").encode(
        x="x:Q", description="spoken:N"
    )
    before = marks([{"x": base.mean}] if base else []).mark_rule(strokeDash=[3, 3], strokeWidth=1).encode(x="x:Q")
    layers = [before, spans, dots] if base else [spans, dots]
    return Chart(
        title=axis.metric,
        unit=f"{axis.better} is better",
        note="By row, with 95 % intervals." + (" The dashed line is the model before." if base else ""),
        label=f"Dots with intervals, {axis.metric} by row: " + "; ".join(str(item["spoken"]) for item in data) + ".",
        svg=drawn(*layers, height=_ROW * len(data) + 60),
        table=Table(
            headers=("row", "mean", "95 % interval"),
            rows=tuple(
                (f"{place} · {name}", number(value.mean), f"{number(value.low)} to {number(value.high)}")
                for place, name, value in rows
            ),
        ),
    )


def _layers(dots: Sequence[Dot], x: ParetoAxis, y: ParetoAxis, *, joined: bool) -> list[alt.Chart]:
    import altair as alt

    data = [
        {
            "x": dot.x.mean,
            "x_low": dot.x.low,
            "x_high": dot.x.high,
            "y": dot.y.mean,
            "y_low": dot.y.low,
            "y_high": dot.y.high,
            "kind": dot.kind,
            "key": dot.key,
            "text": str(dot.number) if dot.number else "",
        }
        for dot in dots
    ]
    scales = [alt.Scale(zero=False, nice=True, reverse=axis.better == "lower", padding=24) for axis in (x, y)]
    across = alt.X("x:Q", title=x.metric, scale=scales[0], axis=alt.Axis(format="~g", grid=True))
    up = alt.Y("y:Q", title=y.metric, scale=scales[1], axis=alt.Axis(format="~g"))
    base = marks(data).encode(x=across, y=up)
    bars = [
        base.mark_rule(strokeWidth=1.5, opacity=0.35).encode(x=alt.X("x_low:Q"), x2="x_high:Q"),
        base.mark_rule(strokeWidth=1.5, opacity=0.35).encode(y=alt.Y("y_low:Q"), y2="y_high:Q"),
    ]
    line = marks([row for row in data if row["kind"] == "optimal"]).mark_line(
        color="var(--series-1)", strokeWidth=1.5, opacity=0.6
    )
    kinds = ["optimal", "other", "base"]
    points = base.mark_point(opacity=1, size=200, strokeWidth=1.5).encode(
        shape=alt.Shape("kind:N", scale=alt.Scale(domain=kinds, range=["circle", "circle", "diamond"]), legend=None),
        fill=alt.Fill(
            "kind:N",
            scale=alt.Scale(domain=kinds, range=["var(--series-1)", "var(--page)", "var(--page)"]),
            legend=None,
        ),
        stroke=alt.Stroke(
            "kind:N",
            scale=alt.Scale(domain=kinds, range=["var(--series-1)", "var(--muted)", "var(--series-2)"]),
            legend=None,
        ),
        description=alt.Description("key:N"),
    )
    names = base.mark_text(fontWeight="bold", fontSize=10).encode(
        text="text:N",
        color=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=kinds, range=["var(--page)", "var(--text)", "var(--text)"]),
            legend=None,
        ),
    )
    return [*bars, *([line.encode(x=across, y=up)] if joined else []), points, names]
