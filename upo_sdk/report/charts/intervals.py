"""Changes with their intervals, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.charts.chart import Chart, Layer, Table, dashed, drawn, nominal, quantitative
from upo_sdk.report.charts.theme import colours
from upo_sdk.report.numbers import number, signed, span

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.result import BeforeAfter

__all__ = ["changes"]

_ROW = 34


def changes(items: Sequence[BeforeAfter], *, order: Sequence[str]) -> Chart:
    """Draw the change of every objective's mean reward with its 95 % interval."""
    rows = [
        {
            "name": item.label,
            "low": item.interval[0] if item.interval else item.change,
            "high": item.interval[1] if item.interval else item.change,
            "change": item.change,
            "spoken": f"{item.label}: {signed(item.change)}, 95 % interval {span(item.interval)}",
        }
        for item in items
    ]
    names = [item.label for item in items]
    by_name = {
        "y": nominal(
            "name", title=None, sort=None, axis={"grid": False, "labelColor": "currentColor", "labelLimit": 110}
        ),
        "color": nominal("name", scale={"domain": names, "range": colours(names, order)}, legend=None),
    }
    spans: Layer = {
        "mark": {"type": "rule", "strokeWidth": 3, "strokeCap": "round"},
        "encoding": {
            "x": quantitative("low", title="change of the mean reward", axis={"format": "+~g", "tickCount": 5}),
            "x2": {"field": "high"},
            **by_name,
        },
    }
    dots: Layer = {
        "mark": {"type": "point", "filled": True, "opacity": 1, "size": 70},
        "encoding": {"x": quantitative("change"), "description": nominal("spoken"), **by_name},
    }
    return Chart(
        title="What changed in the answers",
        unit="mean reward",
        note="Each dot is the change of an objective's mean reward, the bar its 95 % interval. A bar that crosses the "
        "dashed line could be chance"
        + ("." if items[0].verdict != "too few" else ", and these prompts are too few anyway."),
        label="Dots with intervals: " + "; ".join(str(row["spoken"]) for row in rows) + ".",
        svg=drawn(rows, dashed("x", 0), spans, dots, height=_ROW * len(rows) + 50),
        table=Table(
            headers=("objective", "before", "after", "change", "95 % interval"),
            rows=tuple(
                (
                    item.label,
                    number(item.before),
                    number(item.after),
                    signed(item.change),
                    span(item.interval),
                )
                for item in items
            ),
        ),
    )
