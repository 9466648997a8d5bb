"""The configuration of an evaluation: which model, against which baseline, on what, and how its answers are sampled."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from upo_sdk.config.base import Section
from upo_sdk.config.data import DataConfig
from upo_sdk.config.judge import JudgeConfig
from upo_sdk.config.labels import check_labels
from upo_sdk.config.objective_ref import ObjectiveRef
from upo_sdk.config.sections import ModelConfig, PluginPolicy

__all__ = ["EvalConfig"]


class EvalConfig(Section):
    """What to evaluate, beside what, on which data, by which objectives.

    A run folder brings its own base model, evaluation data and objectives; what is given here goes before them. The
    path ``demo`` is the embedded demo model.
    """

    model: ModelConfig = Field(description="The model to evaluate: a run folder, a model's folder or a hub name.")
    baseline: ModelConfig | None = Field(
        default=None, description="The model to compare with, which is also the reference; a run's own base model."
    )
    data: DataConfig | None = Field(
        default=None, description="The data to evaluate on; a run's own evaluation split if left out."
    )
    objectives: tuple[ObjectiveRef, ...] = Field(
        default=(), description="Objectives to score the answers with; a run's own if left out."
    )
    num_samples: int = Field(default=1, ge=1, description="Answers to sample per prompt and model.")
    eval_prompts: int = Field(default=512, ge=1, description="Distinct prompts at most; all there are up to this many.")
    max_new_tokens: int | None = Field(
        default=None, ge=1, description="Tokens per answer; default: as the run was evaluated, else 64."
    )
    temperature: float = Field(default=1.0, gt=0, description="Temperature of sampling.")
    top_p: float = Field(default=0.95, gt=0, le=1, description="Nucleus sampling: the share of the mass that is kept.")
    seed: int | None = Field(
        default=None, ge=0, description="Seed of sampling, and of nothing else; default: the run's, else 42."
    )
    batch_size: int = Field(default=32, ge=1, description="Answers that are sampled together.")
    samples: int = Field(default=3, ge=0, description="Answers side by side that eval.json keeps.")
    output_dir: Path | None = Field(
        default=None, description="Where the results are written; default: the run folder, of other models upo-eval."
    )
    judge: JudgeConfig | None = Field(
        default=None, description="Who compares the model's answers with the others; nobody by default."
    )
    fail_if: tuple[str, ...] = Field(
        default=(), description="Conditions such as toxicity>0.02; the command ends with 1 if one holds."
    )
    plugins: PluginPolicy = Field(default_factory=PluginPolicy)

    @model_validator(mode="after")
    def _labels_are_unique(self) -> EvalConfig:
        check_labels([ref.label for ref in self.objectives])
        return self
