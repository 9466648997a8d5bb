"""What each objective was worth: its weight, its effect on the answers, its share of the gradient, its conflicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.records import Metric, MetricsRow
    from upo_sdk.report.collect import RunReport

__all__ = ["Contribution", "Contributions", "contributions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """One row of the table.

    Attributes:
        kind: ``preference``, ``auxiliary``, ``held out`` or, for the plain likelihood in the actor term, ``part``.
        share: Mean share of the gradient over the rows that count.
        cosine: Mean cosine of its gradient with the sum of all others.
    """

    label: str
    kind: str
    written: str
    weight: float | None
    schedule: str | None
    effect: Metric | None
    share: float | None
    cosine: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """All rows, and over which steps their shares are means.

    Attributes:
        first_step, last_step: The logged steps that count, 0 if none does.
        measured_after_gate: Whether the auxiliary term was on in them.
    """

    objectives: tuple[Contribution, ...]
    first_step: int
    last_step: int
    measured_after_gate: bool


def contributions(run: RunReport) -> Contributions:
    """Average over the logged steps in which the auxiliary term was on, or over all where it never was."""
    on = [row for row in run.rows if row.values.get("actor/share", 0.0) > 0]
    rows = on or [row for row in run.rows if any(name.endswith("/share") for name in row.values)]
    named = [("preference", run.preference), ("auxiliary", run.auxiliary), ("held out", run.held_out)]
    found = [_of(run, label, kind, rows) for kind, labels in named for label in labels]
    if run.auxiliary:
        share, cosine = _mean(rows, "likelihood/share"), _mean(rows, "likelihood/grad_cos")
        found.append(
            Contribution(
                label="likelihood",
                kind="part",
                written="",
                weight=None,
                schedule=None,
                effect=None,
                share=share,
                cosine=cosine,
            )
        )
    return Contributions(
        objectives=tuple(found),
        first_step=rows[0].step if rows else 0,
        last_step=rows[-1].step if rows else 0,
        measured_after_gate=bool(on),
    )


def _of(run: RunReport, label: str, kind: str, rows: Sequence[MetricsRow]) -> Contribution:
    described = run.objective(label)
    return Contribution(
        label=label,
        kind=kind,
        written=described.objective,
        weight=described.weight,
        schedule=described.schedule,
        effect=run.rewards.get(label),
        share=_mean(rows, f"objective/{label}/share"),
        cosine=_mean(rows, f"objective/{label}/grad_cos"),
    )


def _mean(rows: Sequence[MetricsRow], name: str) -> float | None:
    values = [row.values[name] for row in rows if name in row.values]
    return sum(values) / len(values) if values else None
