"""``point.json``: what the process of a point leaves in its run folder for the sweep."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import Field

from upo_sdk.records.base import FileRecord
from upo_sdk.records.evaluation import Metric
from upo_sdk.records.sweep import CacheUse

__all__ = ["PointRecord"]


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
