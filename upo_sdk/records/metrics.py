"""``metrics.jsonl``: what a run logged, one row an interval, one an evaluation, and one at its end."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict

from upo_sdk.records.base import LineRecord

__all__ = ["MetricsRow"]


class MetricsRow(LineRecord):
    """One row; docs/reference/metrics.md defines the metrics, which are fields of their own in the file.

    Attributes:
        step: The optimizer step that it was written after.
    """

    model_config = ConfigDict(extra="allow")

    APPENDED: ClassVar[bool] = True
    FILE: ClassVar[str] = "metrics.jsonl"

    schema_version: Literal[1] = 1
    step: int

    @property
    def values(self) -> dict[str, float]:
        """The metrics that are finite numbers, by name."""
        found: dict[str, Any] = self.model_extra or {}
        return {name: value for name, value in found.items() if isinstance(value, int | float) and math.isfinite(value)}

    @property
    def kind(self) -> Literal["training", "held-out", "summary", "other"]:
        """What the row is about: an interval of training, the held-out data, or the whole run."""
        found: dict[str, Any] = self.model_extra or {}
        for name, kind in _KINDS.items():
            if name in found:
                return kind
        return "other"


_KINDS: dict[str, Literal["training", "held-out", "summary"]] = {
    "train_runtime": "summary",
    "eval_loss": "held-out",
    "loss": "training",
}
