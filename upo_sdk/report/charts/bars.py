"""Histograms, and means per bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.charts.chart import Chart, Table, drawn, marks
from upo_sdk.report.numbers import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.report.distributions import Histogram, LengthBin

__all__ = ["histogram", "means_by_length"]


def histogram(
    title: str, found: Histogram, *, note: str, x_title: str, colour: str, what: str, powers: bool = False
) -> Chart:
    """Draw a histogram.

    Args:
        title: What is drawn.
        found: The counts.
        note: How to read it.
        x_title: What runs along the bottom.
        colour: Of the bars.
        what: What is counted.
        powers: Whether the edges are exponents of ten.
    """
    import altair as alt

    total = sum(found.counts) or 1
    edges = [10**edge for edge in found.edges] if powers else list(found.edges)
    rows = [
        {
            "low": low,
            "high": high,
            "share": count / total,
            "spoken": f"{number(low)} to {number(high)}: {count:,} {what}",
        }
        for low, high, count in zip(edges, edges[1:], found.counts, strict=False)
    ]
    scale = alt.Scale(type="log", nice=False) if powers else alt.Scale(zero=False, nice=False)
    chart = (
        marks(rows)
        .mark_rect(color=colour, stroke="var(--page)", strokeWidth=1)
        .encode(
            x=alt.X("low:Q", title=x_title, scale=scale, axis=alt.Axis(format="~g")),
            x2=alt.X2("high:Q"),
            y=alt.Y("share:Q", title=None, axis=alt.Axis(format="%")),
            y2=alt.Y2Datum(0),
            description=alt.Description("spoken:N"),
        )
    )
    fullest = rows[found.counts.index(max(found.counts))]["spoken"]
    return Chart(
        title=title,
        unit=f"share of {what}",
        note=note,
        label=f"Histogram of {total:,} {what}: {title}. The fullest bin is {fullest}.",
        svg=drawn(chart),
        table=Table(
            headers=("from", "to", what),
            rows=tuple(
                (number(low), number(high), f"{count:,}")
                for low, high, count in zip(edges, edges[1:], found.counts, strict=False)
            ),
        ),
    )


def means_by_length(title: str, bins: Sequence[LengthBin], *, note: str, colour: str) -> Chart:
    """Draw the mean reward over the length of the response."""
    import altair as alt

    rows = [
        {
            "x": (item.low + item.high) / 2,
            "low": item.low,
            "high": item.high,
            "y": item.mean,
            "spoken": f"{item.low} to {item.high} tokens: mean reward {number(item.mean)}, {item.count:,} responses",
        }
        for item in bins
    ]
    base = marks(rows).encode(y=alt.Y("y:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(format="~g")))
    spans = base.mark_rule(color=colour, strokeWidth=5, opacity=0.35, strokeCap="round").encode(
        x=alt.X("low:Q", title="tokens of the response", scale=alt.Scale(zero=False)), x2=alt.X2("high:Q")
    )
    dots = base.mark_point(filled=True, opacity=1, size=40, color=colour).encode(
        x=alt.X("x:Q"), description=alt.Description("spoken:N")
    )
    return Chart(
        title=title,
        unit="mean reward",
        note=note,
        label=f"Points: {title}. " + "; ".join(str(row["spoken"]) for row in (rows[0], rows[-1])) + ".",
        svg=drawn(spans, dots),
        table=Table(
            headers=("tokens", "responses", "mean reward"),
            rows=tuple((f"{item.low} to {item.high}", f"{item.count:,}", number(item.mean)) for item in bins),
        ),
    )
