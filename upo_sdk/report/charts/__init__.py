"""Static charts: Vega-Lite drawn as SVG that takes its colours from the page."""

from upo_sdk.report.charts.bars import histogram
from upo_sdk.report.charts.chart import Chart, Table
from upo_sdk.report.charts.lines import Line, lines

__all__ = ["Chart", "Line", "Table", "histogram", "lines"]
