"""What ``sweep.json`` holds: the state of a sweep while it runs, and its table when it is over."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from upo_sdk.records.base import FileRecord, Record
from upo_sdk.records.evaluation import Metric

__all__ = [
    "CacheUse",
    "ParetoAxis",
    "PointFailure",
    "PointRecord",
    "Saving",
    "SharedWork",
    "SweepAxis",
    "SweepPoint",
    "SweepRecord",
    "SweepRow",
]

SharedWork = Literal["reference", "base answers"]
"""Work that is the same for all runs from one model on the same data: log-probs of the data, answers to its prompts."""

PointStatus = Literal["pending", "running", "done", "failed", "cancelled"]


class SweepAxis(Record):
    """One thing that varies: a weight, an option of an objective, a setting, or the seed."""

    key: str = Field(description="Such as toxicity, dpo.beta, training.learning_rate or seed.")
    values: tuple[str, ...] = Field(description="As the user wrote them, in that order.")


class ParetoAxis(Record):
    """A metric by which points are compared."""

    metric: str
    better: Literal["higher", "lower"]


class CacheUse(Record):
    """What a point had to compute before training, and what an earlier point had left for it."""

    task: Literal["scoring", SharedWork]
    label: str = Field(default="", description="The objective that scored; empty for the other tasks.")
    found: int = Field(ge=0, description="Distinct items read from the cache.")
    computed: int = Field(ge=0, description="Distinct items computed and stored.")
    seconds: float = Field(ge=0)


class PointFailure(Record):
    """Why a point failed: the parts of the error, or what ended its process."""

    code: str
    what: str
    where: str | None = None
    fix: str | None = None


class SweepPoint(Record):
    """One run of the sweep."""

    name: str = Field(description="Unique; such as toxicity=0.1,dpo.beta=0.05,seed=1.")
    row: str = Field(description="The row it belongs to: its name without the seed.")
    folder: str = Field(description="Its run folder, relative to the folder of sweep.json.")
    values: dict[str, str] = Field(description="The value of every axis, by key.")
    objectives: tuple[str, ...] = Field(description="In text form.")
    seed: int
    command: str = Field(description="What runs this point again, elsewhere.")
    config: dict[str, Any] = Field(description="The configuration, without defaults.")
    fingerprint: str = Field(description="SHA-256 of that configuration.")
    status: PointStatus = "pending"
    failure: PointFailure | None = None
    metrics: dict[str, Metric] = Field(default_factory=dict)
    seconds: dict[str, float] = Field(
        default_factory=dict, description="Wall time: preparation, training, evaluation, total."
    )
    cache: tuple[CacheUse, ...] = ()
    pareto: bool | None = Field(default=None, description="Whether its row is Pareto-optimal; None if not known.")


class SweepRow(Record):
    """One row of the table: the mean over the seeds of a point."""

    name: str
    values: dict[str, str]
    points: tuple[str, ...] = Field(description="Names of the finished points it averages.")
    metrics: dict[str, Metric]
    pareto: bool | None = Field(default=None, description="Whether it is Pareto-optimal by its means.")
    clear: bool | None = Field(
        default=None,
        description="Of a Pareto-optimal row: whether each other one is worse somewhere beyond the intervals.",
    )


class Saving(Record):
    """The time that the caches saved, estimated by what the same work took where it was computed."""

    spent_seconds: float = Field(description="Work of all finished points, waiting excluded.")
    saved_seconds: float = Field(description="Scoring, reference and base answers that were found instead of computed.")
    share: float = Field(ge=0, le=1, description="saved / (spent + saved).")


class SweepRecord(FileRecord):
    """A sweep: ``sweep.json`` is its JSON, rewritten whole whenever a point changes.

    ``points``, ``rows`` and ``baseline`` are what a plot needs: an axis is ``rows[i].metrics[pareto_axes[j].metric]``.
    """

    FILE: ClassVar[str] = "sweep.json"
    MISSING: ClassVar[tuple[str, str]] = ("the folder is not a sweep: it has no sweep.json", "check the path")

    schema_version: Literal[1] = 1
    software: str = Field(description="Version of the SDK.")
    created: str = Field(description="UTC.")
    finished: str | None = Field(default=None, description="UTC; None while points are left to do.")
    command: str | None = Field(default=None, description="The command of the whole sweep.")
    axes: tuple[SweepAxis, ...]
    evaluated: tuple[str, ...] = Field(
        default=(), description="Labels of the auxiliary objectives that every point is evaluated with."
    )
    evaluation: dict[str, Any] = Field(
        default_factory=dict, description="Settings of the evaluation of every point, as in eval.json."
    )
    pareto: tuple[str, ...] = Field(
        default=(), description="Metrics to compare points by, as asked for; empty for the default."
    )
    pareto_axes: tuple[ParetoAxis, ...] = Field(default=(), description="What they are compared by.")
    points: tuple[SweepPoint, ...]
    rows: tuple[SweepRow, ...] = Field(default=(), description="In the order of the grid; only finished points.")
    baseline: dict[str, Metric] = Field(
        default_factory=dict, description="Metrics of the model that all points start from."
    )
    saving: Saving | None = None


class PointRecord(FileRecord):
    """The work on a point that is done."""

    FILE: ClassVar[str] = "point.json"
    MISSING: ClassVar[tuple[str, str]] = ("the folder is no finished point of a sweep", "run the sweep again")

    schema_version: Literal[2] = 2
    fingerprint: str = Field(description="Of the configuration that was trained.")
    evaluation: dict[str, Any] | None = Field(
        default=None, description="The settings that it was evaluated with; null before."
    )
    seconds: dict[str, float] = Field(default_factory=dict, description="By what they were spent on.")
    cache: tuple[CacheUse, ...] = Field(default=(), description="What the run found and computed.")
    evaluation_cache: tuple[CacheUse, ...] = Field(default=(), description="What the evaluation found and computed.")
    metrics: dict[str, Metric] = Field(
        default_factory=dict, description="Of the trained model, with those of the model that it started from."
    )

    @classmethod
    def upgrade(cls, values: dict[str, Any], version: int) -> dict[str, Any]:
        """Read a point of 0.1, which kept the metrics of the model before apart."""
        del version
        before = values.get("baseline", {})
        metrics = {
            name: {**metric, "baseline": before.get(name, {}).get("value")}
            for name, metric in values.get("metrics", {}).items()
        }
        return {**values, "metrics": metrics}

    @property
    def baseline(self) -> dict[str, Metric]:
        """The metrics of the model that it started from."""
        return {
            name: Metric(value=metric.baseline, better=metric.better, unit=metric.unit)
            for name, metric in self.metrics.items()
            if metric.baseline is not None
        }
