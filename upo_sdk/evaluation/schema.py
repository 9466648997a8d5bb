"""The result of an evaluation as it is written to ``eval.json``; docs/reference/eval.schema.json is its JSON Schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from upo_sdk.evaluation.judge.schema import WinRate
from upo_sdk.statistics import Estimate

__all__ = ["Compared", "DataDescription", "Estimate", "Evaluation", "Metric", "ModelIdentity", "Sample", "Verdict"]


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Metric(_Frozen):
    """One metric of the model, of the baseline, and their paired difference."""

    value: Estimate = Field(description="Of the model.")
    baseline: Estimate | None = Field(default=None, description="Of the baseline, if it has the metric.")
    difference: Estimate | None = Field(default=None, description="Model minus baseline, on the same prompts.")
    better: Literal["higher", "lower"] | None = Field(
        default=None, description="Which direction is an improvement, where that can be said."
    )
    unit: str = Field(default="", description="What it is counted in.")


class ModelIdentity(_Frozen):
    """A model by name and by content."""

    path: str = Field(description="Folder or hub name, as it was given.")
    weights_sha256: str = Field(description="SHA-256 of names, types, shapes and bytes of all weights.")


class DataDescription(_Frozen):
    """What was evaluated on."""

    description: str = Field(description="One sentence: how much of what was found where.")
    fingerprint: str = Field(description="SHA-256 of the normalised content.")
    split: str = Field(description="held-out, given (with data.path), or training where a run held nothing out.")


class Compared(_Frozen):
    """One value of both models' answers; null where a measure does not apply, or there is no baseline."""

    model: float | None
    baseline: float | None = None


class Sample(_Frozen):
    """The answers of both models to one prompt, side by side."""

    prompt: str
    chosen: str | None = Field(default=None, description="The response that the data prefers, if it has one.")
    model: str = Field(description="The model's answer.")
    baseline: str | None = Field(default=None, description="The baseline's answer.")
    tokens: Compared = Field(description="Tokens of the answers, counted with the model's tokenizer.")
    rewards: Mapping[str, Compared] = Field(description="By the label of the objective.")
    measures: Mapping[str, Compared] = Field(
        default_factory=dict[str, Compared], description="What objectives measure in their own units, by name."
    )


class Verdict(_Frozen):
    """One condition of ``fail_if`` and whether it holds."""

    condition: str = Field(description="As it was given.")
    value: float | None = Field(
        description="What was compared; null if the metric has no value here, or too few prompts."
    )
    limit: float = Field(description="What it was compared with.")
    holds: bool = Field(
        description="Whether the evaluation fails by it; so it does without a value, or with too few prompts."
    )


class Evaluation(_Frozen):
    """The result of an evaluation.

    The same configuration, models and data give the same object, ``created`` and a judge's ``cost`` apart.
    """

    schema_version: Literal[1] = 1
    created: str = Field(description="When, UTC.")
    model: ModelIdentity
    baseline: ModelIdentity | None = None
    data: DataDescription
    seed: int = Field(description="Seed of sampling.")
    num_samples: int = Field(description="Answers per prompt and model.")
    prompts: int = Field(description="Distinct prompts that were answered.")
    pairs: int = Field(description="Pairs behind accuracy and margin; 0 if the data has none.")
    metrics: Mapping[str, Metric] = Field(description="By name; docs/reference/evaluation.md defines them.")
    samples: Sequence[Sample] = Field(default=(), description="The first answers; eval-samples.jsonl has all.")
    judge: WinRate | None = Field(default=None, description="Win rate by a judge, if there was one.")
    verdicts: Sequence[Verdict] = Field(default=(), description="The conditions of fail_if.")
    notices: Sequence[str] = Field(default=(), description="What was left out or chosen, in words.")
    config: Mapping[str, Any] = Field(description="The resolved configuration of the evaluation.")

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """The conditions of ``fail_if`` that hold."""
        return tuple(verdict for verdict in self.verdicts if verdict.holds)
