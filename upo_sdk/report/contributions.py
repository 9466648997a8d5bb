"""What each objective was worth: its weight, its effect on the answers, its share of the gradient, its conflicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upo_sdk.report.collect import RunReport
    from upo_sdk.result import BeforeAfter

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
    effect: BeforeAfter | None
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
    on = [row for row in run.rows if row.get("actor/share", 0.0) > 0]
    rows = on or [row for row in run.rows if any(name.endswith("/share") for name in row)]
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
        first_step=int(rows[0]["step"]) if rows else 0,
        last_step=int(rows[-1]["step"]) if rows else 0,
        measured_after_gate=bool(on),
    )


def _of(run: RunReport, label: str, kind: str, rows: list[dict[str, float]]) -> Contribution:
    described = run.objective(label)
    return Contribution(
        label=label,
        kind=kind,
        written=str(described.get("objective", label)),
        weight=described.get("weight"),
        schedule=described.get("schedule"),
        effect=run.compared(label),
        share=_mean(rows, f"objective/{label}/share"),
        cosine=_mean(rows, f"objective/{label}/grad_cos"),
    )


def _mean(rows: list[dict[str, float]], name: str) -> float | None:
    values = [row[name] for row in rows if name in row]
    return sum(values) / len(values) if values else None
