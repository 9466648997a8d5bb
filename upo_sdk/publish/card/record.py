"""What a card tells of ``run.json`` and ``eval.json``; fields that it does not tell are ignored."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from upo_sdk.errors import DataError, OutputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "ChatRecord",
    "ComparisonRecord",
    "EstimateRecord",
    "EvaluationRecord",
    "MetricRecord",
    "RunRecord",
    "read_evaluation",
    "read_run",
]

_RUN, _EVALUATION = "run.json", "eval.json"


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class OriginRecord(_Record):
    """A model or dataset by a name that means the same elsewhere."""

    name: str
    hub_id: str | None = None
    license: str | None = None
    license_name: str | None = None
    license_link: str | None = None


class ModelRecord(_Record):
    """The base model."""

    path: str
    revision: str | None = None
    weights_sha256: str
    origin: OriginRecord | None = None

    @property
    def known_as(self) -> OriginRecord:
        """Its origin; of a run before origins were recorded, the last part of its path."""
        return self.origin or OriginRecord(name=PurePath(self.path).name)


class ChatRecord(_Record):
    """What all conversations of the data share."""

    system: str | None = None
    template_inputs: dict[str, Any] = Field(default_factory=dict)


class DataRecord(_Record):
    """The training data."""

    description: str
    fingerprint: str
    conversational: bool = False
    chat: ChatRecord | None = None
    origin: OriginRecord | None = None

    @property
    def called_with(self) -> ChatRecord | None:
        """How the model is called: None for plain text."""
        return (self.chat or ChatRecord()) if self.conversational else None


class ObjectiveRecord(_Record):
    """One objective of the loss, or one that only scored the answers."""

    label: str
    objective: str
    kind: str
    weight: float
    schedule: str | None = None
    distribution: str
    version: str


class ComparisonRecord(_Record):
    """Mean reward of the answers before and after."""

    label: str
    before: float
    after: float
    interval: tuple[float, float] | None
    prompts: int
    split: str


class RunRecord(_Record):
    """``run.json`` of a run that ended."""

    status: str
    command: str = ""
    software: dict[str, str] = Field(default_factory=dict)
    model: ModelRecord
    data: DataRecord
    objectives: tuple[ObjectiveRecord, ...]
    held_out: tuple[ObjectiveRecord, ...] = ()
    seed: int
    steps: int = 0
    explanation: tuple[str, ...] = ()
    before_after: tuple[ComparisonRecord, ...] = ()


class EstimateRecord(_Record):
    """A mean with its 95 % interval."""

    mean: float
    low: float | None
    high: float | None


class MetricRecord(_Record):
    """One metric of the model, of the baseline, and their difference."""

    value: EstimateRecord
    baseline: EstimateRecord | None = None
    difference: EstimateRecord | None = None
    better: str | None = None


class EvaluationDataRecord(_Record):
    """What was evaluated on."""

    description: str
    fingerprint: str = ""
    split: str = "held-out"


class EvaluationRecord(_Record):
    """``eval.json``."""

    data: EvaluationDataRecord
    seed: int
    num_samples: int
    prompts: int
    metrics: dict[str, MetricRecord]


def read_run(folder: Path) -> RunRecord:
    """Read ``run.json``.

    Raises:
        OutputError: The folder is not that of a run.
        DataError: The file is damaged.
    """
    path = folder / _RUN
    if not path.is_file():
        raise OutputError("the folder holds no run", where=str(path), fix="give the `output_dir` of a run that ended")
    run: RunRecord = _read(RunRecord, path)
    return run


def read_evaluation(folder: Path) -> EvaluationRecord | None:
    """Read ``eval.json``; None if the run was not evaluated.

    Raises:
        DataError: The file is damaged.
    """
    path = folder / _EVALUATION
    return _read(EvaluationRecord, path) if path.is_file() else None


def _read(model: Any, path: Path) -> Any:
    try:
        return model.model_validate_json(path.read_bytes())
    except (ValidationError, OSError) as error:
        problem = error.errors()[0]["msg"] if isinstance(error, ValidationError) else error.strerror
        raise DataError(
            f"the file cannot be read: {problem}", where=str(path), fix="run again what wrote it, or restore it"
        ) from error
