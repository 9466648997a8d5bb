"""Fills the templates. Everything from a model, a file or a user is escaped; the page has no script to run."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from upo_sdk.report.audit import Level, audit
from upo_sdk.report.contributions import contributions
from upo_sdk.report.numbers import number, percent, reward, signed, span, unbroken
from upo_sdk.report.run_charts import curves, distributions, effects, pulls
from upo_sdk.report.run_view import (
    evaluation_rows,
    excerpts,
    headline,
    install_command,
    outcome_sentences,
    repeat_command,
    weight_sentences,
)

if TYPE_CHECKING:
    from jinja2 import Environment

    from upo_sdk.report.collect import RunReport

__all__ = ["fill", "render_run"]


def render_run(run: RunReport) -> str:
    """Return the page about a run."""
    findings = audit(run)
    return fill(
        "run.html.j2",
        run=run,
        record=run.run,
        title=run.run.output_dir.absolute().name,
        headline=headline(run),
        outcome_sentences=outcome_sentences(run),
        weight_sentences=weight_sentences(run),
        contributions=contributions(run),
        findings=findings,
        attention=sum(finding.level in {Level.WARNING, Level.LOOK} for finding in findings),
        effects=effects(run),
        pulls=pulls(run),
        curves=curves(run),
        distributions=distributions(run),
        excerpts=excerpts(run.samples),
        evaluation_rows=evaluation_rows(run.evaluation) if run.evaluation else (),
        install=install_command(run.run),
        again=repeat_command(run.run),
        version=version("upo-sdk"),
    )


def fill(name: str, **values: object) -> str:
    """Return a template of this package with its values."""
    page: str = _environment().get_template(name).render(**values)
    return page


@cache
def _environment() -> Environment:
    from jinja2 import ChainableUndefined, Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("upo_sdk.report"),
        autoescape=True,
        undefined=ChainableUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        function.__name__: function for function in (number, percent, reward, signed, span, unbroken)
    }
    return environment
