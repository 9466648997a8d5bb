"""Static charts: Vega-Lite drawn as SVG that takes its colours from the page."""
