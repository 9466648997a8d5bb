"""``point.json``: what the process of a point leaves in its run folder for the sweep, also for one that goes on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError

from upo_sdk.atomic_file import write_atomically
from upo_sdk.config.base import Section
from upo_sdk.evaluation.sweep_schema import CacheUse, SweepMetric

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.evaluation.schema import Evaluation

__all__ = ["PointRecord", "metrics_of", "read_record", "run_status", "write_record"]

_FILE = "point.json"


class PointRecord(Section):
    """The work that is done.

    Attributes:
        fingerprint: Of the point that was trained.
        evaluation: The settings that it was evaluated with, or None before.
        seconds: By what they were spent on.
        cache: What the run found and computed.
        evaluation_cache: What the evaluation did.
        metrics: Of the trained model.
        baseline: Of the model that it started from.
    """

    fingerprint: str
    evaluation: dict[str, Any] | None = None
    seconds: dict[str, float] = Field(default_factory=dict)
    cache: tuple[CacheUse, ...] = ()
    evaluation_cache: tuple[CacheUse, ...] = ()
    metrics: dict[str, SweepMetric] = Field(default_factory=dict)
    baseline: dict[str, SweepMetric] = Field(default_factory=dict)


def read_record(folder: Path) -> PointRecord | None:
    """Return the record of a run folder, or None if there is none that can be read."""
    try:
        return PointRecord.model_validate_json((folder / _FILE).read_bytes())
    except (OSError, ValidationError):
        return None


def write_record(folder: Path, record: PointRecord) -> None:
    """Write the record, whole or not at all."""
    write_atomically(folder / _FILE, record.model_dump_json(indent=2) + "\n")


def run_status(folder: Path) -> str | None:
    """Return what ``run.json`` says of the run: ``running``, ``completed``, ``cancelled`` or ``failed``."""
    try:
        manifest: Any = json.loads((folder / "run.json").read_bytes())
    except (OSError, ValueError):
        return None
    status = manifest.get("status") if isinstance(manifest, dict) else None
    return status if isinstance(status, str) else None


def metrics_of(evaluation: Evaluation) -> tuple[dict[str, SweepMetric], dict[str, SweepMetric]]:
    """Return the metrics of the model, and those of the baseline."""
    ours = {
        name: SweepMetric(value=metric.value, better=metric.better, unit=metric.unit)
        for name, metric in evaluation.metrics.items()
    }
    theirs = {
        name: SweepMetric(value=metric.baseline, better=metric.better, unit=metric.unit)
        for name, metric in evaluation.metrics.items()
        if metric.baseline is not None
    }
    return ours, theirs
