"""The records of a run folder that its report shows; what is missing in it is missing in the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.config.files import RESOLVED_CONFIG
from upo_sdk.records import DistributionsRecord, EvaluationRecord, MetricsRow, RunRecord, Sample

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.records import Metric, RunObjective

__all__ = ["RunReport", "collect_run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Everything that a report of a run shows.

    Attributes:
        config: ``config.resolved.yaml`` as text.
        rows: Training rows of ``metrics.jsonl``, one per logging interval.
        held_out_rows: Its rows of the held-out data, with ``eval_`` in front of their names.
        summary: The values of its last row, of a run that ended.
        evaluation: ``eval.json``, if the run was evaluated by itself.
    """

    run: RunRecord
    config: str
    rows: tuple[MetricsRow, ...]
    held_out_rows: tuple[MetricsRow, ...]
    summary: dict[str, float]
    samples: tuple[Sample, ...]
    distributions: DistributionsRecord | None
    evaluation: EvaluationRecord | None

    @property
    def preference(self) -> list[str]:
        """Labels of the preference objectives."""
        return [item.label for item in self.run.preference]

    @property
    def auxiliary(self) -> list[str]:
        """Labels of the auxiliary objectives in the loss."""
        return [item.label for item in self.run.auxiliary]

    @property
    def held_out(self) -> list[str]:
        """Labels of the objectives that only scored the answers."""
        return [item.label for item in self.run.held_out]

    @property
    def rewards(self) -> dict[str, Metric]:
        """Rewards of the answers before and after, by label; none if no answers were compared."""
        return self.run.evaluation.rewards if self.run.evaluation else {}

    def objective(self, label: str) -> RunObjective:
        """What the record says of an objective."""
        return next(item for item in (*self.run.objectives, *self.run.held_out) if item.label == label)

    def series(self, name: str) -> list[tuple[int, float]]:
        """Steps and values of a metric of training."""
        return [(row.step, row.values[name]) for row in self.rows if name in row.values]

    def last(self, name: str) -> float | None:
        """The last value of a metric of training."""
        values = self.series(name)
        return values[-1][1] if values else None

    def held_out_series(self, name: str) -> list[tuple[int, float]]:
        """Steps and values of a metric on the held-out data; its name is without ``eval_``."""
        key = f"eval_{name}"
        return [(row.step, row.values[key]) for row in self.held_out_rows if key in row.values]

    def held_out_value(self, name: str) -> float | None:
        """The last value of a metric on the held-out data."""
        values = self.held_out_series(name)
        return values[-1][1] if values else None


def collect_run(folder: Path) -> RunReport:
    """Read a run folder.

    Raises:
        OutputError: It holds no run.
        DataError: A file in it is damaged.
    """
    rows = MetricsRow.load_lines(folder / MetricsRow.FILE)
    config = folder / RESOLVED_CONFIG
    return RunReport(
        run=RunRecord.load(folder),
        config=config.read_text(encoding="utf-8") if config.is_file() else "",
        rows=tuple(row for row in rows if row.kind == "training"),
        held_out_rows=tuple(row for row in rows if row.kind == "held-out"),
        summary=next((row.values for row in reversed(rows) if row.kind == "summary"), {}),
        samples=Sample.load_lines(folder / Sample.RUN_FILE),
        distributions=DistributionsRecord.find(folder),
        evaluation=EvaluationRecord.find(folder),
    )
