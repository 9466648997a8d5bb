"""The configuration of an evaluation: which model, against which baseline, on what, and how its answers are sampled."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from upo_sdk.config.base import Section
from upo_sdk.config.judge import JudgeConfig
from upo_sdk.config.objective_ref import ObjectiveRef, check_labels
from upo_sdk.config.sections import DataConfig, ModelConfig, PluginPolicy

__all__ = ["EvalConfig"]


class EvalConfig(Section):
    """Settings of an evaluation: the models, the data and the objectives.

    A run folder brings its own base model, evaluation data and objectives; what is given here goes before them. The
    path ``demo`` is the embedded demo model.
    """

    model: ModelConfig = Field(description="The model to evaluate: a run folder, a model's folder or a hub name.")
    baseline: ModelConfig | None = Field(
        default=None, description="The model to compare with, and the reference model. Default: the run's base model."
    )
    data: DataConfig | None = Field(
        default=None, description="The data to evaluate on. Default: the run's evaluation split."
    )
    objectives: tuple[ObjectiveRef, ...] = Field(
        default=(), description="Objectives that score the answers. Default: the run's."
    )
    num_samples: int = Field(default=1, ge=1, description="Answers to sample per prompt and model.")
    eval_prompts: int = Field(default=512, ge=1, description="Most distinct prompts to use.")
    max_new_tokens: int | None = Field(
        default=None, ge=1, description="Tokens per answer; default: as the run was evaluated, else 64."
    )
    temperature: float = Field(default=1.0, gt=0, description="Temperature of sampling.")
    top_p: float = Field(default=0.95, gt=0, le=1, description="Nucleus sampling: the probability mass to sample from.")
    seed: int | None = Field(default=None, ge=0, description="Seed of sampling only; default: the run's, else 42.")
    batch_size: int = Field(default=32, ge=1, description="Answers sampled together in one batch.")
    samples: int = Field(default=3, ge=0, description="Prompts whose answers eval.json shows side by side.")
    output_dir: Path | None = Field(
        default=None,
        description="Where to write the results; default: the run folder, or upo-eval for a model without one.",
    )
    judge: JudgeConfig | None = Field(
        default=None, description="A judge that compares the model's answers with others. Default: none."
    )
    fail_if: tuple[str, ...] = Field(
        default=(), description="Conditions, for example toxicity>0.02; the exit code is 1 if one holds."
    )
    plugins: PluginPolicy = Field(default_factory=PluginPolicy)

    @model_validator(mode="after")
    def _labels_are_unique(self) -> EvalConfig:
        check_labels([ref.label for ref in self.objectives])
        return self
