"""Reads a run folder; what is missing in it is missing in the report, and nothing else."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from pydantic import ValidationError

from upo_sdk.errors import DataError
from upo_sdk.evaluation.sweep_schema import Sweep
from upo_sdk.report.distributions import DISTRIBUTIONS_FILE, Distributions
from upo_sdk.report.samples import Sample, read_samples
from upo_sdk.result import BeforeAfter
from upo_sdk.training.run_folder import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SWEEP_FILE", "RunReport", "collect_run", "read_sweep"]

SWEEP_FILE = "sweep.json"

Row = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReport:
    """Everything that a report of a run shows.

    Attributes:
        manifest: ``run.json``.
        config: ``config.resolved.yaml`` as text.
        rows: Training rows of ``metrics.jsonl``, one per logging interval.
        held_out_rows: Its rows of the held-out data, with ``eval_`` in front of their names.
        summary: Its last row, of a run that ended.
        before_after: Rewards of the answers, by objective.
        evaluation: ``eval.json``, if the run was evaluated.
    """

    folder: Path
    manifest: Mapping[str, Any]
    config: str
    rows: tuple[Row, ...]
    held_out_rows: tuple[Row, ...]
    summary: Row
    before_after: tuple[BeforeAfter, ...]
    samples: tuple[Sample, ...]
    distributions: Distributions | None
    evaluation: Mapping[str, Any] | None

    @property
    def preference(self) -> list[str]:
        """Labels of the preference objectives."""
        return self._labels("preference")

    @property
    def auxiliary(self) -> list[str]:
        """Labels of the auxiliary objectives in the loss."""
        return self._labels("auxiliary")

    @property
    def held_out(self) -> list[str]:
        """Labels of the objectives that only scored the answers."""
        return [str(item["label"]) for item in self.manifest.get("held_out", ())]

    def objective(self, label: str) -> Mapping[str, Any]:
        """What ``run.json`` says of an objective."""
        both = (*self.manifest.get("objectives", ()), *self.manifest.get("held_out", ()))
        return next((item for item in both if item["label"] == label), {})

    def compared(self, label: str) -> BeforeAfter | None:
        """The rewards of the answers under an objective, if there are any."""
        return next((item for item in self.before_after if item.label == label), None)

    def series(self, name: str) -> list[tuple[int, float]]:
        """Steps and values of a metric of training."""
        return [(int(row["step"]), row[name]) for row in self.rows if name in row]

    def last(self, name: str) -> float | None:
        """The last value of a metric of training."""
        values = self.series(name)
        return values[-1][1] if values else None

    def held_out_value(self, name: str) -> float | None:
        """The last value of a metric on the held-out data; its name is without ``eval_``."""
        values = [row[f"eval_{name}"] for row in self.held_out_rows if f"eval_{name}" in row]
        return values[-1] if values else None

    def _labels(self, kind: str) -> list[str]:
        return [str(item["label"]) for item in self.manifest.get("objectives", ()) if item["kind"] == kind]


def collect_run(folder: Path) -> RunReport:
    """Read a run folder.

    Raises:
        DataError: A file in it is damaged.
    """
    manifest = _read_json(folder / MANIFEST)
    rows = _metrics(folder / "metrics.jsonl")
    return RunReport(
        folder=folder,
        manifest=manifest,
        config=_text(folder / "config.resolved.yaml"),
        rows=tuple(row for row in rows if "loss" in row),
        held_out_rows=tuple(row for row in rows if "eval_loss" in row),
        summary=next((row for row in reversed(rows) if "train_runtime" in row), {}),
        before_after=tuple(_before_after(item) for item in manifest.get("before_after", ())),
        samples=read_samples(folder),
        distributions=_distributions(folder / DISTRIBUTIONS_FILE),
        evaluation=_read_json(folder / "eval.json") if (folder / "eval.json").is_file() else None,
    )


def read_sweep(folder: Path) -> Sweep:
    """Read ``sweep.json``.

    Raises:
        DataError: It is damaged.
    """
    path = folder / SWEEP_FILE
    try:
        return Sweep.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise _damaged(path) from error


def _read_json(path: Path) -> dict[str, Any]:
    """Read an object.

    Raises:
        DataError: The file is missing, or is no JSON object.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _damaged(path) from error
    if not isinstance(found, dict):
        raise _damaged(path)
    return cast("dict[str, Any]", found)


def _metrics(path: Path) -> list[Row]:
    """Read the rows; a last line that was cut by a kill is left out, and so is a value that is not finite."""
    rows = list[Row]()
    for line in _text(path).splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        rows.append({name: value for name, value in found.items() if isinstance(value, int | float)})
    return rows


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _before_after(item: Mapping[str, Any]) -> BeforeAfter:
    return BeforeAfter(
        label=item["label"],
        before=item["before"],
        after=item["after"],
        interval=tuple(item["interval"]) if item["interval"] else None,
        prompts=item["prompts"],
        split=item["split"],
        highest=item.get("highest", math.inf),
    )


def _distributions(path: Path) -> Distributions | None:
    if not path.is_file():
        return None
    try:
        return Distributions.model_validate_json(path.read_text(encoding="utf-8"))
    except ValidationError as error:
        raise _damaged(path) from error


def _damaged(path: Path) -> DataError:
    return DataError("the file cannot be read as a run writes it", where=str(path), fix="run it again")
