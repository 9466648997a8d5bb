"""How charts look. Colours are variables of the page, so that one drawing serves light, dark and print."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["CONFIG", "HEIGHT", "WIDTH", "colours"]

WIDTH = 340  # fits a phone without scaling, and three beside each other on a desk
HEIGHT = 200

_SERIES = 8  # variables --series-1 to --series-8 in templates/style.css
_MUTED = "var(--muted)"

CONFIG: dict[str, Any] = {
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
