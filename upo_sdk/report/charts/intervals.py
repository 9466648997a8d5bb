"""Changes with their intervals, one row each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.charts.chart import Chart, Layer, Table, colours, dashed, drawn, nominal, quantitative
from upo_sdk.report.numbers import number, signed, span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.records import Estimate, Metric


__all__ = ["changes"]

_ROW = 34


def changes(rewards: Mapping[str, Metric], *, order: Sequence[str]) -> Chart:
    """Draw the change of every objective's mean reward with its 95 % interval; all have a baseline."""
    found = {label: _change(metric) for label, metric in rewards.items()}
    rows = [
        {
            "name": label,
            "low": change.interval[0] if change.interval else change.mean,
            "high": change.interval[1] if change.interval else change.mean,
            "change": change.mean,
            "spoken": f"{label}: {signed(change.mean)}, 95 % interval {span(change.interval)}",
        }
        for label, change in found.items()
    ]
    names = list(found)
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
        + ("." if all(change.enough for change in found.values()) else ", and these prompts are too few anyway."),
        label="Dots with intervals: " + "; ".join(str(row["spoken"]) for row in rows) + ".",
        svg=drawn(rows, dashed("x", 0), spans, dots, height=_ROW * len(rows) + 50),
        table=Table(
            headers=("objective", "before", "after", "change", "95 % interval"),
            rows=tuple(
                (
                    label,
                    number(metric.baseline.mean if metric.baseline else None),
                    number(metric.value.mean),
                    signed(found[label].mean),
                    span(found[label].interval),
                )
                for label, metric in rewards.items()
            ),
        ),
    )


def _change(metric: Metric) -> Estimate:
    assert metric.difference is not None  # noqa: S101 - the base model is the baseline
    return metric.difference
