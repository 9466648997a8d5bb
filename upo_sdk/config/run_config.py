"""The whole configuration of a run: one frozen object that a file, the command line and code all produce."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, model_validator

from upo_sdk.config.base import Section
from upo_sdk.config.lora import LoraConfig
from upo_sdk.config.objective_ref import ObjectiveRef, check_labels
from upo_sdk.config.sections import DataConfig, LossConfig, ModelConfig, PluginPolicy, TrainingConfig

__all__ = ["RunConfig"]


class RunConfig(Section):
    """Settings of a run: the model, the data, the objectives and the training.

    Without ``model`` and ``data`` the embedded demo is used. ``model="..."``, ``data="..."`` and
    ``objectives=["dpo", "toxicity:0.3"]`` may be given in their short text forms.
    """

    model: ModelConfig | None = Field(default=None, description="The model to train. Default: the built-in demo model.")
    data: DataConfig | None = Field(default=None, description="The preference data. Default: the built-in demo data.")
    objectives: tuple[ObjectiveRef, ...] = Field(
        default=(), description="Preference and auxiliary objectives, with their weights."
    )
    loss: LossConfig = Field(default_factory=LossConfig)
    training: TrainingConfig = Field(default_factory=TrainingConfig)
    lora: LoraConfig = Field(default_factory=LoraConfig)
    plugins: PluginPolicy = Field(default_factory=PluginPolicy)
    output_dir: Path = Field(default=Path("upo-run"), description="The run folder.")
    overwrite_output_dir: bool = Field(default=False, description="Replace what an earlier run left in the run folder.")
    resume_from_checkpoint: str | None = Field(
        default=None, description="A checkpoint folder, or 'last' for the newest one in the run folder."
    )
    eval_prompts: int | None = Field(
        default=None,
        ge=0,
        description="Distinct held-out prompts to answer before and after training; default: 64 in the demo, else 0.",
    )
    eval_max_new_tokens: int = Field(default=64, ge=1, description="Tokens to generate per evaluation prompt.")
    push_to_hub: bool = Field(
        default=False, description="Push model, tokenizer, card and records to the Hugging Face hub at the end."
    )
    hub_model_id: str | None = Field(
        default=None, description="Repository to push to, for example org/name. Default: the run folder's name."
    )
    hub_private_repo: bool = Field(default=False, description="Make the repository private if it is created.")
    hub_samples: bool = Field(
        default=False,
        description="Also push files that show texts of your data: report.html, samples.jsonl and the samples of "
        "eval.json.",
    )

    @model_validator(mode="after")
    def _labels_are_unique(self) -> RunConfig:
        check_labels([ref.label for ref in self.objectives])
        return self
