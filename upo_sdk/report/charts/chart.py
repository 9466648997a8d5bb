"""A drawn chart with everything that makes it readable without seeing it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from upo_sdk.report.charts.theme import CONFIG, HEIGHT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Chart", "Layer", "Link", "Table", "dashed", "drawn", "nominal", "quantitative"]

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
    width: int = WIDTH,
    height: int = HEIGHT,
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
    svg = vl_convert.vegalite_to_svg(spec, config=CONFIG, allowed_base_urls=[])
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
