"""From our training section to transformers.TrainingArguments."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainingArguments

from upo_sdk.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.config import TrainingConfig

__all__ = ["training_arguments"]

_SAME_NAME = (
    "learning_rate",
    "num_train_epochs",
    "max_steps",
    "per_device_train_batch_size",
    "per_device_eval_batch_size",
    "gradient_accumulation_steps",
    "warmup_steps",
    "lr_scheduler_type",
    "optim",
    "weight_decay",
    "max_grad_norm",
    "bf16",
    "seed",
    "logging_steps",
    "save_total_limit",
)


_OURS = {
    **dict.fromkeys(
        (*_SAME_NAME, "report_to", "save_steps", "eval_steps", "train_sampling_strategy"), "it is a setting of its own"
    ),
    **dict.fromkeys(("save_strategy", "eval_strategy"), "save_steps and eval_steps decide it"),
    **dict.fromkeys(("activation_checkpointing", "gradient_checkpointing"), "it is a setting of its own"),
    **dict.fromkeys(("output_dir", "resume_from_checkpoint"), "it is a setting of the run"),
    **dict.fromkeys(("push_to_hub", "hub_model_id", "hub_private_repo"), "it is a setting of the run"),
    **dict.fromkeys(
        ("hub_strategy", "hub_always_push", "hub_revision"), "the finished model is pushed once, in one commit"
    ),
    "hub_token": "a token belongs into HF_TOKEN or `hf auth login`, where no file records it",
    **dict.fromkeys(
        ("remove_unused_columns", "disable_tqdm", "logging_nan_inf_filter", "label_smoothing_factor"),
        "the trainer depends on its value",
    ),
    "load_best_model_at_end": "the last model is the result",
    "fp16": "half precision would need a loss scale; use bf16",
}
"""Arguments that may not be given a second time, and why."""


def training_arguments(config: TrainingConfig, output_dir: Path, *, evaluate: bool) -> TrainingArguments:
    """Build the arguments.

    Raises:
        ConfigError: ``training.arguments`` names an unknown argument, or transformers refuses a value.
    """
    known = [field.name for field in dataclasses.fields(TrainingArguments) if field.init]
    for name in config.arguments:
        if name in _OURS:
            raise ConfigError(
                f"'{name}' cannot be set there: {_OURS[name]}", where="training.arguments", fix=f"leave out '{name}'"
            )
        if name not in known:
            raise ConfigError(
                f"transformers.TrainingArguments has no '{name}'",
                where="training.arguments",
                fix=f"{did_you_mean(name, known)}see the documentation of transformers.TrainingArguments",
            )
    values: dict[str, Any] = {
        **{name: getattr(config, name) for name in _SAME_NAME},
        "output_dir": str(output_dir),
        "activation_checkpointing": config.gradient_checkpointing,
        "report_to": "none",  # trackers are opened by ours, which say where their files go
        "save_strategy": "steps" if config.save_steps else "no",
        "save_steps": config.save_steps or 1,
        "eval_strategy": "steps" if evaluate and config.eval_steps else "no",
        "eval_steps": config.eval_steps or None,
        "remove_unused_columns": False,
        "disable_tqdm": True,
        "logging_nan_inf_filter": False,
        "dataloader_pin_memory": torch.cuda.is_available(),
        "accelerator_config": {"non_blocking": torch.cuda.is_available()},  # copying a batch waits for nothing
        "ddp_find_unused_parameters": False,
        "use_cpu": not torch.accelerator.is_available(),
        **config.arguments,
    }
    try:
        arguments = TrainingArguments(**values)
    except (ValueError, TypeError, ImportError, RuntimeError) as error:
        raise ConfigError(
            f"transformers refuses the training settings: {error}", where="training", fix="correct the value it names"
        ) from error
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if launched != arguments.world_size:
        raise ConfigError(
            f"{launched} processes were launched, and they do not know of each other",
            where="WORLD_SIZE",
            fix="launch with torchrun, or with accelerate launch --multi_gpu",
        )
    return arguments
