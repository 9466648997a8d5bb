"""A drawn chart: how it looks, and everything that makes it readable without seeing it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Chart", "Layer", "Link", "Table", "colours", "dashed", "drawn", "nominal", "quantitative"]

_WIDTH = 340  # fits a phone without scaling, and three beside each other on a desk
_HEIGHT = 200

_SERIES = 8  # variables --series-1 to --series-8 in templates/style.css
_MUTED = "var(--muted)"

_CONFIG: dict[str, Any] = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "padding": 4,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "ticks": False,
        "gridColor": "var(--grid)",
        "labelColor": _MUTED,
        "labelFontSize": 11,
        "labelPadding": 6,
        "titleColor": _MUTED,
        "titleFontSize": 11,
        "titleFontWeight": "normal",
        "titlePadding": 8,
    },
    "axisX": {"grid": False, "domain": True, "domainColor": "var(--grid)", "tickCount": 5},
    "axisY": {"tickCount": 4, "title": None},  # the unit stands in the heading, where it does not cost width
    "legend": {
        "labelColor": "currentColor",
        "labelFontSize": 11,
        "labelLimit": 130,
        "orient": "top",
        "direction": "horizontal",
        "columns": 3,
        "columnPadding": 14,
        "title": None,
        "symbolSize": 60,
        "symbolStrokeWidth": 2.5,
        "offset": 8,
    },
    "line": {"strokeWidth": 2, "strokeCap": "round", "strokeJoin": "round"},
    "rule": {"color": _MUTED},
    "text": {"color": "currentColor", "fontSize": 11},
}


def colours(names: Sequence[str], order: Sequence[str] = ()) -> list[str]:
    """Return one colour per name; a name has that of its place in ``order``, so that it keeps it across charts."""
    places = list(order) or list(names)
    return [f"var(--series-{places.index(name) % _SERIES + 1})" if name in places else _MUTED for name in names]


Layer = dict[str, Any]
"""A mark with its encoding, and the data where they are not those of the chart, in the words of Vega-Lite."""

_REACH = 11
_PLACE = re.compile(r'transform="[^"]*"')
_OPENING = re.compile(r'<svg [^>]*?width="(?P<width>[\d.]+)" height="(?P<height>[\d.]+)"[^>]*>')
_POINT = re.compile(r'<path (?P<label>aria-label="(?P<text>[^"]*)") (?P<rest>role="graphics-symbol"[^>]*)/>')


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The numbers of a chart; every cell is text."""

    headers: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """One figure of a report.

    Attributes:
        title: What it shows.
        unit: What runs up the side, in a word or two.
        note: How to read it, a sentence or two.
        label: What a screen reader says instead of the drawing.
        svg: The drawing; its texts are escaped by Vega.
        table: The same numbers.
    """

    title: str
    unit: str
    note: str
    label: str
    svg: Markup
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Where a point of a chart leads, the class that the page's style knows it by, and what it is called."""

    href: str
    css: str
    label: str


def quantitative(field: str, **options: object) -> dict[str, Any]:
    """Return what encodes a field of numbers."""
    return {"field": field, "type": "quantitative", **options}


def nominal(field: str, **options: object) -> dict[str, Any]:
    """Return what encodes a field of names."""
    return {"field": field, "type": "nominal", **options}


def dashed(channel: str, value: float) -> Layer:
    """Return a dashed line at a value of the axis ``x`` or ``y``."""
    return {
        "data": {"values": [{channel: value}]},
        "mark": {"type": "rule", "strokeDash": [3, 3], "strokeWidth": 1},
        "encoding": {channel: quantitative(channel)},
    }


def drawn(
    rows: Sequence[Mapping[str, object]],
    *layers: Layer,
    width: int = _WIDTH,
    height: int = _HEIGHT,
    links: Mapping[str, Link] | None = None,
) -> Markup:
    """Draw layers as SVG that scales with its box; every point and bar tells its values when hovered.

    Nothing is loaded: the data is in the chart, and no address is allowed.

    Args:
        rows: The data of every layer that has none of its own.
        layers: From the bottom to the top.
        width: Of everything, axes included, in pixels before scaling.
        height: Likewise.
        links: By the description of a point, which becomes a link.
    """
    import vl_convert

    spec = {
        "data": {"values": list(rows)},
        "layer": layers,
        "width": width,
        "height": height,
        "autosize": {"type": "fit", "contains": "padding"},
    }
    svg = vl_convert.vegalite_to_svg(spec, config=_CONFIG, allowed_base_urls=[])
    spoken = _POINT.sub(partial(_with_title, links or {}), _OPENING.sub(_scaling, svg, count=1))
    return Markup(spoken)  # noqa: S704 - Vega escapes its texts


def _scaling(found: re.Match[str]) -> str:
    width, height = found["width"], found["height"]
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" focusable="false">'


def _with_title(links: Mapping[str, Link], found: re.Match[str]) -> str:
    link = links.get(found["text"])
    if link is None:
        return f"<path {found['label']} {found['rest']}><title>{found['text']}</title></path>"
    place = _PLACE.search(found["rest"])
    around = f'<circle {place[0] if place else ""} r="{_REACH}" fill="transparent"/>'  # a point is small for a finger
    opening = Markup('<a href="{}" class="{}" aria-label="{}"><title>{}</title>').format(
        link.href, link.css, link.label, link.label
    )
    return f"{opening}{around}<path {found['rest']}/></a>"
