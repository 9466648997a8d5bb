"""Which charts the report of a run has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.audit import limits
from upo_sdk.report.charts.bars import histogram, means_by_length
from upo_sdk.report.charts.chart import colours
from upo_sdk.report.charts.intervals import changes
from upo_sdk.report.charts.lines import Line, lines
from upo_sdk.report.numbers import percent, signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from upo_sdk.report.charts.chart import Chart
    from upo_sdk.report.collect import RunReport

__all__ = ["curves", "distributions", "effects", "pulls"]

_NEUTRAL = "var(--series-8)"
_KL = "/kl"


def effects(run: RunReport) -> list[Chart]:
    """What became of the answers' rewards."""
    return [changes(run.rewards, order=_order(run))] if run.rewards else []


def pulls(run: RunReport) -> list[Chart]:
    """Who pulled at the model, and against whom."""
    if not run.auxiliary:
        return []
    order = _order(run)
    return _drawn(
        lines(
            "Share of the gradient",
            _parts(run, "share"),
            note="How hard each part of the loss pulls at the log-probs; likelihood is what the auxiliary term would "
            "do without any rewards.",
            unit="share",
            order=order,
            percent=True,
            domain=(0, 1),
        ),
        lines(
            "Conflict",
            _parts(run, "grad_cos"),
            note="The cosine of each part's pull with all others together. Below the line it works against them.",
            unit="cosine",
            order=order,
            level=0,
            domain=(-1, 1),
        ),
        lines(
            "Scheduled weights",
            [
                Line(name=label, points=run.series(f"objective/{label}/weight"))
                for label in (*run.preference, *run.auxiliary)
                if run.objective(label).schedule
            ],
            note="The weight you gave, times its schedule.",
            unit="weight",
            order=order,
        ),
    )


def curves(run: RunReport) -> list[Chart]:
    """How training went."""
    order = _order(run)
    return _drawn(
        lines(
            "Pairs ranked right",
            [
                Line(name="training", points=run.series("rewards/accuracies")),
                Line(name="held-out", points=run.held_out_series("rewards/accuracies")),
            ],
            note="Share of the pairs whose chosen response has the higher implicit reward. The dashed line is chance.",
            unit="share",
            level=0.5,
            percent=True,
        ),
        lines(
            "Implicit rewards",
            [Line(name=name, points=run.series(f"rewards/{name}")) for name in ("chosen", "rejected")],
            note="β (log π − log π_ref) of the responses in the data. Chosen should not sink far below 0.",
            unit="reward",
            level=0,
        ),
        lines(
            "Preference loss",
            [Line(name=label, points=run.series(f"objective/{label}/loss")) for label in run.preference],
            note="Before its weight; it starts at the same value in every run of the same loss.",
            unit="loss",
            order=order,
        ),
        lines(
            "Effective sample size",
            [Line(name="advantage weights", points=run.series("advantage/ess"))],
            note=f"How many responses carry the advantage weights, as a share. Below {percent(limits.ESS_WARNING)}, "
            "the dashed line, a few teach everything.",
            unit="share",
            level=limits.ESS_WARNING,
            percent=True,
            domain=(0, 1),
        ),
        lines(
            "Auxiliary term",
            [Line(name="actor loss", points=run.series("actor/loss"))],
            note="The weighted negative log-likelihood per token, before γ; logged also while the term is off.",
            unit="loss",
        ),
        lines(
            "Value baseline",
            [Line(name="value loss", points=run.series("value/loss"))],
            note="How well the baseline predicts the rewards of a prompt's responses.",
            unit="loss",
        ),
        lines(
            "KL to the reference",
            [Line(name=name.removesuffix(_KL), points=run.series(name)) for name in _metrics_that_end_with(_KL, run)],
            note="The preference objective's estimate, from mismatched prompts and responses.",
            unit="nats",
        ),
    )


def _metrics_that_end_with(suffix: str, run: RunReport) -> list[str]:
    return sorted({name for row in run.rows for name in row.values if name.endswith(suffix)})


def distributions(run: RunReport) -> list[Chart]:
    """How rewards, lengths and advantage weights are distributed."""
    found = run.distributions
    if found is None:
        return []
    order = _order(run)
    charts: list[Chart] = []
    for item in found.rewards:
        (colour,) = colours([item.label], order)
        scale = "" if item.normalize == "none" else f", normalised ({item.normalize})"
        charts.append(
            histogram(
                f"Rewards of {item.label}",
                item.histogram,
                note=f"Over the {found.completions:,} training responses{scale}. Where all are alike there is nothing "
                "to learn.",
                x_title="reward",
                colour=colour,
                what="responses",
            )
        )
        correlation = "" if item.correlation_length is None else f" Correlation {signed(item.correlation_length)}."
        charts.append(
            means_by_length(
                f"{item.label} and length",
                item.by_length,
                note=f"Mean reward of responses of like length; a slope means that length is rewarded.{correlation}",
                colour=colour,
            )
        )
    if found.advantage_weights:
        weights = found.advantage_weights
        charts.append(
            histogram(
                "Advantage weights at the end",
                weights.histogram,
                note=f"exp(λA) of {weights.count:,} responses; the heaviest tenth carries "
                f"{percent(weights.top_share)}, and the effective sample size is {percent(weights.ess)}.",
                x_title="weight, log scale",
                colour=_NEUTRAL,
                what="responses",
                powers=True,
            )
        )
    charts.append(
        histogram(
            "Length of the responses",
            found.tokens,
            note="Of the training data, in tokens.",
            x_title="tokens",
            colour=_NEUTRAL,
            what="responses",
        )
    )
    return charts


def _parts(run: RunReport, metric: str) -> Iterator[Line]:
    for label in (*run.preference, *run.auxiliary):
        yield Line(name=label, points=run.series(f"objective/{label}/{metric}"))
    yield Line(name="likelihood", points=run.series(f"likelihood/{metric}"))


def _order(run: RunReport) -> Sequence[str]:
    return [*run.preference, *run.auxiliary, *run.held_out, "likelihood"]


def _drawn(*charts: Chart | None) -> list[Chart]:
    return [chart for chart in charts if chart]
