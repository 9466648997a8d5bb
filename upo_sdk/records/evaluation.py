"""``eval.json``, and the comparison at the end of a run in ``run.json``: a model's answers beside a baseline's."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from upo_sdk.records.base import FileRecord, Record
from upo_sdk.records.estimate import Estimate
from upo_sdk.records.judge_result import WinRate
from upo_sdk.records.sample import Sample

__all__ = ["DataDescription", "Direction", "EvaluationRecord", "Metric", "ModelIdentity", "Verdict"]

Direction = Literal["rose", "fell", "open", "too few"]

_HEADROOM = 0.01


class Metric(Record):
    """One metric of the model, of the baseline, and their paired difference."""

    model_config = ConfigDict(allow_inf_nan=False)

    value: Estimate = Field(description="Of the model.")
    baseline: Estimate | None = Field(default=None, description="Of the baseline, if it has the metric.")
    difference: Estimate | None = Field(default=None, description="Model minus baseline, on the same prompts.")
    better: Literal["higher", "lower"] | None = Field(
        default=None, description="Which direction is an improvement, where that can be said."
    )
    unit: str = Field(default="", description="What it is counted in.")
    highest: float | None = Field(default=None, description="Of a reward: the highest that an answer got, of both.")

    @property
    def direction(self) -> Direction:
        """What the interval of the difference allows to say, from :data:`ENOUGH` prompts on."""
        found = self.difference
        if found is None or found.interval is None or not found.enough:
            return "too few"
        low, high = found.interval
        return "rose" if low > 0 else "fell" if high < 0 else "open"

    @property
    def at_ceiling(self) -> bool:
        """Whether the baseline's answers had, on average, all but a hundredth of the highest reward that was seen."""
        if self.highest is None or self.baseline is None:
            return False
        return self.highest - self.baseline.mean <= _HEADROOM * max(1.0, abs(self.highest))


class ModelIdentity(Record):
    """A model by name and by content."""

    path: str = Field(description="Folder or hub name, as it was given.")
    weights_sha256: str = Field(description="SHA-256 of names, types, shapes and bytes of all weights.")


class DataDescription(Record):
    """What was evaluated on."""

    description: str = Field(description="One sentence: how much of what was found where.")
    fingerprint: str = Field(default="", description="SHA-256 of the normalised content.")
    split: str = Field(
        default="held-out",
        description="held-out, given (with a path of its own), or training where a run held nothing out.",
    )


class Verdict(Record):
    """One condition of ``fail_if`` and whether it holds."""

    condition: str = Field(description="As it was given.")
    value: float | None = Field(
        description="What was compared; null if the metric has no value here, or too few prompts."
    )
    limit: float = Field(description="What it was compared with.")
    holds: bool = Field(
        description="Whether the evaluation fails by it; so it does without a value, or with too few prompts."
    )


class EvaluationRecord(FileRecord):
    """The result of an evaluation.

    The same configuration, models and data give the same object, ``created`` and a judge's ``cost`` apart. At the end
    of a run, the model is the trained one and the baseline the one that it started from.
    """

    FILE: ClassVar[str] = "eval.json"
    MISSING: ClassVar[tuple[str, str]] = ("the folder holds no evaluation", "evaluate the model: upo eval FOLDER")

    schema_version: Literal[2] = 2
    created: str = Field(description="When, UTC.")
    model: ModelIdentity
    baseline: ModelIdentity | None = None
    data: DataDescription
    seed: int = Field(description="Seed of sampling.")
    num_samples: int = Field(description="Answers per prompt and model.")
    max_new_tokens: int | None = Field(default=None, description="Tokens per answer at most.")
    temperature: float | None = Field(default=None, description="Of sampling.")
    top_p: float | None = Field(default=None, description="Of sampling: the share of the mass that is kept.")
    prompts: int = Field(description="Distinct prompts that were answered.")
    pairs: int = Field(default=0, description="Pairs behind accuracy and margin; 0 if there are none.")
    metrics: dict[str, Metric] = Field(description="By name; docs/reference/evaluation.md defines them.")
    samples: tuple[Sample, ...] = Field(default=(), description="The first answers; eval-samples.jsonl has all.")
    judge: WinRate | None = Field(default=None, description="Win rate by a judge, if there was one.")
    verdicts: tuple[Verdict, ...] = Field(default=(), description="The conditions of fail_if.")
    notices: tuple[str, ...] = Field(default=(), description="What was left out or chosen, in words.")
    config: dict[str, Any] = Field(
        default_factory=dict, description="The resolved configuration of an evaluation of its own."
    )

    @property
    def rewards(self) -> dict[str, Metric]:
        """The rewards of the answers, as the objectives give them, by the label of the objective."""
        return {name.removeprefix(_REWARD): metric for name, metric in self.metrics.items() if name.startswith(_REWARD)}

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The conditions of ``fail_if`` that hold."""
        return tuple(verdict for verdict in self.verdicts if verdict.holds)


_REWARD = "reward/"
