"""The sections of a run's configuration: model, data, loss, training, plugins."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from upo_sdk.config.base import PathSection, Section
from upo_sdk.records import Changeable

__all__ = ["DataConfig", "LayoutName", "LossConfig", "ModelConfig", "PluginPolicy", "TrainingConfig"]

LayoutName = Literal["auto", "padded", "separate", "packed", "prefix-shared", "prefix-packed", "prefix-cache", "single"]


class DataConfig(PathSection):
    """The data to align on; a bare string or a list is its path."""

    path: str | tuple[str, ...] = Field(
        description="A .jsonl, .json, .csv (each also .gz) or .parquet file, a pattern of such, a save_to_disk folder, "
        "or a hub name. Several are joined, or mixed if each is written with a weight: a.jsonl:0.7 b.jsonl:0.3.",
    )
    mixture_seed: int = Field(default=42, ge=0, description="Seed of the rows that a mixture draws.")
    split: str = Field(default="train", min_length=1, description="Split of a folder or hub dataset to train on.")
    eval_path: str | None = Field(
        default=None, description="Data to evaluate on, if it is in another file, folder or hub dataset."
    )
    eval_split: str | None = Field(default=None, description="Split of a folder or hub dataset to evaluate on.")
    eval_fraction: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Fraction of the prompts to hold out for evaluation; no prompt is in both parts.",
    )
    columns: dict[str, str] = Field(
        default_factory=dict,
        description="Which of your columns has which role, for example {prompt: question, chosen: response_a}.",
    )
    format: str | None = Field(
        default=None,
        description="Shape of the rows: pairs, unpaired, or a format of a plugin; default: detected.",
    )
    on_bad_rows: Literal["refuse", "drop"] = Field(
        default="refuse",
        description="Rows that cannot be used: refuse the data, or drop these rows and list them in bad_rows.jsonl.",
    )
    max_rows: int | None = Field(default=None, ge=1, description="Use only the first rows of the training data.")
    max_length: int = Field(
        default=1024, ge=2, description="Most tokens of prompt and response together; longer rows are shortened."
    )
    max_prompt_length: int | None = Field(
        default=None, ge=1, description="Most tokens of the prompt, even if the response leaves room for more."
    )

    @property
    def sources(self) -> tuple[str, ...]:
        """All of ``path``."""
        return (self.path,) if isinstance(self.path, str) else self.path

    @field_validator("path", mode="before")
    @classmethod
    def _one_or_several(cls, value: Any) -> Any:
        paths = [value] if isinstance(value, str) else value
        if (
            not isinstance(paths, list | tuple)
            or not paths
            or not all(isinstance(path, str) and path for path in paths)
        ):
            msg = "give a path, or a list of paths"
            raise ValueError(msg)
        return paths[0] if len(paths) == 1 else tuple(paths)

    @model_validator(mode="after")
    def _one_source_of_evaluation(self) -> DataConfig:
        if self.eval_fraction and (self.eval_path or self.eval_split):
            msg = "`data.eval_fraction` holds out training rows: give it, or `data.eval_path` or `data.eval_split`"
            raise ValueError(msg)
        if self.max_prompt_length is not None and self.max_prompt_length >= self.max_length:
            msg = "`data.max_prompt_length` leaves no room for a response: make it smaller than `data.max_length`"
            raise ValueError(msg)
        return self


class ModelConfig(PathSection):
    """The model to align; a bare string is its path."""

    path: str = Field(description="Folder or hub name of a causal language model.")
    revision: str | None = Field(default=None, description="Branch, tag or commit of a hub model.")
    tokenizer: str | None = Field(
        default=None, description="Folder or hub name of the tokenizer. Default: the model's tokenizer."
    )
    chat_template: str | None = Field(
        default=None,
        description="A .jinja file to use instead of the tokenizer's chat template, or the name of one of its "
        "templates.",
    )
    chat_template_date: date | None = Field(
        default=None,
        description="The date that a chat template writes as today's, for example 2026-01-31; default: today.",
    )
    dtype: Literal["float32", "bfloat16", "float16", "auto"] = Field(
        default="float32", description="Data type of the weights in memory; keep float32 when training with bf16."
    )
    load_in_4bit: bool = Field(
        default=False,
        description="Keep the weights in 4 bits (nf4, extra quant); they are frozen, so training needs an adapter.",
    )
    load_in_8bit: bool = Field(
        default=False, description="Keep the weights in 8 bits (extra quant); training needs an adapter."
    )
    dropout: bool = Field(
        default=False,
        description="Use the model's dropout in training; without it, policy and reference start equal.",
    )
    attn_implementation: str | None = Field(
        default=None,
        description="Attention implementation, as transformers names it, for example sdpa or flash_attention_2.",
    )

    @model_validator(mode="after")
    def _one_width(self) -> ModelConfig:
        if self.load_in_4bit and self.load_in_8bit:
            msg = "load_in_4bit and load_in_8bit are both set: choose one"
            raise ValueError(msg)
        return self

    @property
    def is_quantized(self) -> bool:
        """Whether the weights are kept in 4 or 8 bits."""
        return self.load_in_4bit or self.load_in_8bit


class LossConfig(Section):
    """The unified loss (arXiv 2405.17956); γ, λ and the gate are the paper's, the preset ``paper`` has all of it."""

    scale: Literal["paper", "balanced"] = Field(
        default="paper",
        description="paper: use gamma as given; balanced: compute γ from the data, so that at the start the gradients "
        "of the auxiliary term are as large as those of the preference term, times the sum of the weights.",
    )
    gamma: float = Field(default=0.5, ge=0, description="γ: weight of the auxiliary (actor) term.")
    lambda_: float = Field(
        default=5.0,
        ge=0,
        validation_alias="lambda",
        serialization_alias="lambda",
        description="λ: how strongly a response's advantage changes its weight in the auxiliary term; 0: all weigh "
        "the same.",
    )
    expectile: float = Field(
        default=0.7, gt=0, lt=1, description="τ of the expectile regression that trains the value head."
    )
    gate_steps: int = Field(default=100, ge=0, description="Optimizer steps before the auxiliary term starts.")
    baseline: Literal["value", "soft", "prompt-mean", "none"] = Field(
        default="value",
        description="Baseline V(x): value is a learned head; soft and prompt-mean are computed per prompt from the "
        "data.",
    )
    length_normalization: Literal["auto", "token-mean", "sum"] = Field(
        default="auto",
        description="Log-likelihood in the auxiliary term: mean per token (as in the paper) or sum over the response. "
        "auto: per token; with scale balanced, the same as in the preference term.",
    )
    advantage_cap: float | None = Field(
        default=None, gt=0, description="Upper bound of λA; none by default, as in the paper."
    )
    value_learning_rate: float = Field(default=1e-3, gt=0, description="Learning rate of the value head's own AdamW.")
    value_coefficient: float = Field(default=1.0, gt=0, description="Weight of the value loss (0.1 in the paper).")
    value_max_grad_norm: float = Field(default=1.0, gt=0, description="Gradient clipping of the value head.")

    @model_validator(mode="after")
    def _one_says_gamma(self) -> LossConfig:
        # a file with every default written out must still be read, so the default is no contradiction
        if self.scale == "balanced" and self.gamma != type(self).model_fields["gamma"].default:
            msg = "scale balanced finds gamma in the data: leave out gamma, or use scale paper"
            raise ValueError(msg)
        return self

    @property
    def normalization(self) -> Literal["token-mean", "sum"]:
        """What the auxiliary term divides by, ``auto`` resolved."""
        return "token-mean" if self.length_normalization == "auto" else self.length_normalization

    def balanced(self, gamma: float, normalization: Literal["token-mean", "sum"]) -> LossConfig:
        """Return the same configuration with what was found in the data: :class:`UnifiedLoss` needs it to train."""
        return self.model_copy(update={"scale": "paper", "gamma": gamma, "length_normalization": normalization})


class TrainingConfig(Section):
    """How to train; names and meanings are those of transformers.TrainingArguments."""

    learning_rate: float = Field(default=1e-6, gt=0, description="Initial learning rate of the policy.")
    num_train_epochs: float = Field(default=1.0, gt=0, description="Passes over the data.")
    max_steps: int = Field(default=-1, ge=-1, description="Optimizer steps; overrides the epochs if positive.")
    per_device_train_batch_size: int = Field(
        default=8, ge=1, description="Rows (pairs or single completions) per device and batch."
    )
    tokens_per_batch: int | None = Field(
        default=None,
        ge=1,
        description="Tokens per device and batch, instead of a number of rows; a row counts its prompt and all its "
        "responses.",
    )
    train_sampling_strategy: Literal["random", "group_by_length", "sequential"] = Field(
        default="random",
        description="Which rows share a batch: random ones, rows of similar length, or rows in the order of the data.",
    )
    per_device_eval_batch_size: int = Field(
        default=8, ge=1, description="Rows per device and batch in evaluation; scoring has batch sizes of its own."
    )
    gradient_accumulation_steps: int = Field(default=1, ge=1, description="Batches per optimizer step.")
    warmup_steps: int = Field(default=0, ge=0, description="Steps of linear warm-up.")
    lr_scheduler_type: str = Field(default="linear", description="Learning-rate schedule.")
    layout: LayoutName = Field(
        default="auto",
        description="How prompts and responses are arranged in a batch; auto picks the fastest layout that is exact.",
    )
    cpu_kernels: Literal["auto", "off"] = Field(
        default="auto",
        description="auto: use faster CPU versions of the model's modules where they are exact; off: do not.",
    )
    optim: str = Field(default="adamw_torch_fused", description="Optimizer of the policy.")
    weight_decay: float = Field(default=0.0, ge=0, description="Weight decay.")
    max_grad_norm: float = Field(default=1.0, ge=0, description="Gradient clipping of the policy; 0 is off.")
    bf16: bool = Field(default=False, description="bfloat16 autocast.")
    gradient_checkpointing: bool = Field(default=False, description="Use less memory, but more time.")
    seed: int = Field(default=42, ge=0, description="Seed of data order, dropout and the value head.")
    logging_steps: int = Field(default=10, ge=1, description="Steps between two rows of metrics.jsonl.")
    probe_steps: int = Field(
        default=0,
        ge=0,
        description="Steps between two measurements of the objectives' gradients with respect to the parameters; 0 "
        "is off.",
    )
    save_steps: int = Field(default=0, ge=0, description="Steps between two checkpoints; 0 saves only the final model.")
    save_total_limit: int | None = Field(default=None, ge=1, description="How many checkpoints to keep.")
    allow_changed: tuple[Changeable, ...] = Field(
        default=(),
        description="What may differ from the run that is resumed; the change is recorded in run.json. Any other "
        "difference is an error.",
    )
    eval_steps: int = Field(default=0, ge=0, description="Steps between two evaluations; 0 evaluates once, at the end.")
    report_to: str = Field(
        default="none", description="Experiment trackers, separated by commas: mlflow, tensorboard, trackio, wandb."
    )
    arguments: dict[str, Any] = Field(
        default_factory=dict, description="Any other argument of transformers.TrainingArguments, by name."
    )


class PluginPolicy(Section):
    """Which third-party distributions may load; decided from metadata before any of their code is imported."""

    allow: tuple[str, ...] | Literal["auto", "none"] = Field(
        default="none",
        description="auto: every installed plugin; none: built-in ones only; or a list of package names.",
    )
    block: tuple[str, ...] = Field(default=(), description="Packages whose plugins never load.")
    require: tuple[str, ...] = Field(default=(), description="Packages that must load, or the run does not start.")
    timeout: float | None = Field(
        default=600.0, gt=0, description="Seconds that an objective may take to score one batch; null: no limit."
    )
    on_failure: Literal["stop", "skip"] = Field(
        default="stop",
        description="If an auxiliary objective fails before training: stop the run, or skip the objective and "
        "continue.",
    )
