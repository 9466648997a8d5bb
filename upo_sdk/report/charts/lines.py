"""Curves over the steps of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.report.charts.chart import Chart, Layer, Table, colours, dashed, drawn, nominal, quantitative
from upo_sdk.report.numbers import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Line", "lines"]

_POINTS = 250  # a longer curve is thinned: more cannot be told apart, and the page stays small
_MANY = 100  # points of a chart from which on they are drawn smaller


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One curve: pairs of a step and a value, by rising step."""

    name: str
    points: Sequence[tuple[int, float]]


def lines(  # noqa: PLR0913 - each is one thing that a chart has
    title: str,
    curves: Iterable[Line],
    *,
    note: str,
    unit: str,
    order: Sequence[str] = (),
    x_title: str = "step",
    level: float | None = None,
    domain: tuple[float, float] | None = None,
    percent: bool = False,
) -> Chart | None:
    """Draw curves; None if none has a point.

    Args:
        title: What is drawn.
        curves: Those without points are left out.
        note: How to read it.
        unit: What the values are, in a word or two.
        order: All names that have a colour in this report.
        x_title: What runs along the bottom.
        level: Where to draw a line across, such as chance.
        domain: The values that the axis spans at least.
        percent: Whether values are shares.
    """
    curves = [Line(name=line.name, points=_thinned(line.points)) for line in curves if line.points]
    if not curves:
        return None
    return Chart(
        title=title,
        unit=unit,
        note=note,
        label=f"Line chart: {title}. " + " ".join(_spoken(line, x_title, percent=percent) for line in curves),
        svg=drawn(_rows(curves), *_layers(curves, order, x_title, level, domain, percent=percent)),
        table=_table(curves, x_title, percent=percent),
    )


def _rows(curves: Sequence[Line]) -> list[dict[str, object]]:
    return [{"x": x, "y": y, "name": line.name} for line in curves for x, y in line.points]


def _layers(
    curves: Sequence[Line],
    order: Sequence[str],
    x_title: str,
    level: float | None,
    domain: tuple[float, float] | None,
    *,
    percent: bool,
) -> list[Layer]:
    names = [line.name for line in curves]
    encoding = {
        "x": quantitative("x", title=x_title, scale={"zero": False, "nice": False}),
        "y": quantitative(
            "y",
            title=None,
            scale={"domain": domain} if domain else {"zero": False, "nice": True},
            axis={"format": "%" if percent else "~g"},
        ),
        "color": nominal(
            "name",
            scale={"domain": names, "range": colours(names, order)},
            legend={"symbolType": "stroke"} if len(names) > 1 else None,
            sort=None,
        ),
    }
    many = sum(len(line.points) for line in curves) >= _MANY
    spoken = f"datum.name + ', {x_title} ' + datum.x + ': ' + format(datum.y, '.3g')"
    return [
        *([] if level is None else [dashed("y", level)]),
        {"mark": {"type": "line"}, "encoding": encoding},
        {
            "mark": {"type": "point", "filled": True, "opacity": 1, "size": 6 if many else 18},
            "transform": [{"calculate": spoken, "as": "spoken"}],
            "encoding": {**encoding, "description": nominal("spoken")},
        },
    ]


def _thinned(points: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    """Keep about ``_POINTS`` points, the last one among them."""
    stride = -(-len(points) // _POINTS)
    return list(reversed(list(reversed(points))[::stride])) if stride > 1 else list(points)


def _spoken(line: Line, x_title: str, *, percent: bool) -> str:
    (first_x, first), (last_x, last) = line.points[0], line.points[-1]
    if len(line.points) == 1:
        return f"{line.name}: {number(first, percent=percent)} at {x_title} {first_x}."
    return (
        f"{line.name}: from {number(first, percent=percent)} at {x_title} {first_x} "
        f"to {number(last, percent=percent)} at {x_title} {last_x}."
    )


def _table(curves: Sequence[Line], x_title: str, *, percent: bool) -> Table:
    by_name = {line.name: dict(line.points) for line in curves}
    steps = sorted({x for line in curves for x, _ in line.points})
    return Table(
        headers=(x_title, *by_name),
        rows=tuple(
            (str(step), *(number(values.get(step), percent=percent) for values in by_name.values())) for step in steps
        ),
    )
