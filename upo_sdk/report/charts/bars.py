"""Histograms, and means per bin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.charts.chart import Chart, Layer, Table, drawn, nominal, quantitative
from upo_sdk.report.numbers import number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.records import Histogram, LengthBin

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
    scale = {"type": "log", "nice": False} if powers else {"zero": False, "nice": False}
    bars: Layer = {
        "mark": {"type": "rect", "color": colour, "stroke": "var(--page)", "strokeWidth": 1},
        "encoding": {
            "x": quantitative("low", title=x_title, scale=scale, axis={"format": "~g" if powers else ",~r"}),
            "x2": {"field": "high"},
            "y": quantitative("share", title=None, axis={"format": "%"}),
            "y2": {"datum": 0},
            "description": nominal("spoken"),
        },
    }
    fullest = rows[found.counts.index(max(found.counts))]["spoken"]
    return Chart(
        title=title,
        unit=f"share of {what}",
        note=note,
        label=f"Histogram of {total:,} {what}: {title}. The fullest bin is {fullest}.",
        svg=drawn(rows, bars),
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
    up = quantitative("y", title=None, scale={"zero": False}, axis={"format": "~g"})
    spans: Layer = {
        "mark": {"type": "rule", "color": colour, "strokeWidth": 5, "opacity": 0.35, "strokeCap": "round"},
        "encoding": {
            "x": quantitative("low", title="tokens of the response", scale={"zero": False}),
            "x2": {"field": "high"},
            "y": up,
        },
    }
    dots: Layer = {
        "mark": {"type": "point", "filled": True, "opacity": 1, "size": 40, "color": colour},
        "encoding": {"x": quantitative("x"), "y": up, "description": nominal("spoken")},
    }
    return Chart(
        title=title,
        unit="mean reward",
        note=note,
        label=f"Points: {title}. " + "; ".join(str(row["spoken"]) for row in (rows[0], rows[-1])) + ".",
        svg=drawn(rows, spans, dots),
        table=Table(
            headers=("tokens", "responses", "mean reward"),
            rows=tuple((f"{item.low} to {item.high}", f"{item.count:,}", number(item.mean)) for item in bins),
        ),
    )
