"""Charts are drawn of what was logged, whichever objective logged it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.collect import collect_run
from upo_sdk.report.run_charts import curves

if TYPE_CHECKING:
    from conftest import MakeRun


def test_the_kl_of_any_objective_is_drawn_under_its_name(make_run: MakeRun) -> None:
    rows = make_run.rows(**{"kto/kl": 0.1, "acme/kl": 0.2})
    (chart,) = [chart for chart in curves(collect_run(make_run(metrics=rows))) if chart.title == "KL to the reference"]
    assert "kto" in chart.svg
    assert "acme" in chart.svg
