"""From our training section to transformers.TrainingArguments."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainingArguments

from upo_sdk.errors import ConfigError
from upo_sdk.training.argument_rules import SAME_NAME, checked_arguments

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.config import TrainingConfig

__all__ = ["training_arguments"]


def training_arguments(config: TrainingConfig, output_dir: Path, *, evaluate: bool) -> TrainingArguments:
    """Build the arguments.

    Raises:
        ConfigError: ``training.arguments`` has what it may not have, or processes do not know of each other.
        Exception: Whatever transformers raises where it refuses a value; :func:`rehearse` finds out which, before.
    """
    values: dict[str, Any] = {
        **{name: getattr(config, name) for name in SAME_NAME},
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
        **checked_arguments(config),
    }
    arguments = TrainingArguments(**values)
    launched = int(os.environ.get("WORLD_SIZE", "1"))
    if launched != arguments.world_size:
        raise ConfigError(
            f"{launched} processes were launched, and they do not know of each other",
            where="WORLD_SIZE",
            fix="launch with torchrun, or with accelerate launch --multi_gpu",
        )
    if arguments.world_size == 1 and arguments.n_gpu > 1:
        # transformers would split the rows of a batch among GPUs as if they were one tensor
        vars(arguments)["_n_gpu"] = 1
    return arguments
