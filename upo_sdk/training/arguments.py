"""From our training section to transformers.TrainingArguments: which may be given by name, and why others may not."""

from __future__ import annotations

import dataclasses
from functools import cache
from typing import TYPE_CHECKING, Any, get_type_hints

import torch
from pydantic import ConfigDict, PydanticSchemaGenerationError, TypeAdapter, ValidationError
from transformers import TrainingArguments

from upo_sdk.errors import ConfigError, did_you_mean
from upo_sdk.ranks import launched_ranks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from upo_sdk.config import TrainingConfig

__all__ = ["PASSED_ON", "REFUSED", "SAME_NAME", "checked_arguments", "training_arguments"]


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
    launched = launched_ranks()
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


SAME_NAME = (
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
"""Settings of ours that have the name and the meaning of transformers'."""

PASSED_ON = frozenset(
    {
        *("adam_beta1", "adam_beta2", "adam_epsilon", "optim_args", "optim_target_modules", "lr_scheduler_kwargs"),
        *("tf32", "full_determinism", "use_cpu", "torch_empty_cache_steps", "skip_memory_metrics", "debug"),
        *("activation_checkpointing_kwargs", "gradient_checkpointing_kwargs"),
        *("logging_first_step", "log_level", "log_level_replica", "log_on_each_node", "run_name"),
        *("eval_delay", "eval_on_start", "metric_for_best_model", "greater_is_better"),
        *("save_on_each_node", "restore_callback_states_from_checkpoint"),
        *("dataloader_num_workers", "dataloader_pin_memory", "dataloader_persistent_workers"),
        *("dataloader_prefetch_factor", "dataloader_multiprocessing_context", "dataloader_in_order"),
        *("ddp_find_unused_parameters", "ddp_bucket_cap_mb", "ddp_broadcast_buffers", "ddp_static_graph"),
        *("ddp_backend", "ddp_timeout", "fsdp", "fsdp_config", "deepspeed"),
    }
)
"""Arguments that reach transformers as they are."""


def _because(reason: str, *names: str) -> dict[str, str]:
    return dict.fromkeys(names, reason)


REFUSED: dict[str, str] = {
    **_because("it has its own setting: `training.{name}`", *SAME_NAME, "report_to", "save_steps", "eval_steps"),
    **_because("it has its own setting: `training.{name}`", "train_sampling_strategy", "gradient_checkpointing"),
    **_because("it has its own setting: `training.gradient_checkpointing`", "activation_checkpointing"),
    **_because("`training.save_steps` and `training.eval_steps` decide it", "save_strategy", "eval_strategy"),
    **_because("`training.logging_steps` decides it", "logging_strategy"),
    **_because("it is a setting of the run: `{name}`", "output_dir", "resume_from_checkpoint", "push_to_hub"),
    **_because("it is a setting of the run: `{name}`", "hub_model_id", "hub_private_repo"),
    **_because("the finished model is pushed once, in one commit", "hub_strategy", "hub_always_push", "hub_revision"),
    **_because("a token belongs into HF_TOKEN or `hf auth login`, where no file records it", "hub_token"),
    **_because(
        "the trainer depends on its value",
        *("remove_unused_columns", "disable_tqdm", "logging_nan_inf_filter", "label_smoothing_factor"),
        *("accelerator_config", "parallelism_config", "average_tokens_across_devices", "local_rank"),
    ),
    **_because("the last model is the result", "load_best_model_at_end"),
    **_because("half precision would need a loss scale; use `training.bf16=true`", "fp16"),
    **_because("it would turn the weights that are saved into half precision", "bf16_full_eval", "fp16_full_eval"),
    **_because("noise on the embeddings would be noise in the log-probs that the loss compares", "neftune_noise_alpha"),
    **_because("the head and the loss are not those of the model, so its kernels have no effect", "use_liger_kernel"),
    **_because("use_liger_kernel has no effect here", "liger_kernel_config"),
    **_because(
        "the parts of a step that are compiled are chosen by the SDK",
        *("torch_compile", "torch_compile_backend", "torch_compile_mode"),
    ),
    **_because("the batch is what is asked for: a smaller one would be another run", "auto_find_batch_size"),
    **_because("a resumed run would not be the one that was interrupted", "save_only_model", "ignore_data_skip"),
    **_because("no row may be left out of an epoch", "dataloader_drop_last"),
    **_because("`training.seed` decides the order of the rows", "data_seed"),
    **_because("the saved configuration keeps that of the base model", "use_cache"),
    **_because("the first Ctrl-C or SIGTERM saves a checkpoint anyway", "enable_jit_checkpoint"),
    **_because("tokens are counted in metrics.jsonl anyway", "include_num_input_tokens_seen"),
    **_because("lengths are those of the tokens", "length_column_name"),
    **_because("the tracker's own environment variables decide it", "project"),
    **_because(
        "the tracker's own environment variables decide it",
        *("trackio_space_id", "trackio_bucket_id", "trackio_static_space_id"),
    ),
    **_because(
        "`data.eval_path`, `data.eval_split` or `data.eval_fraction` decide it", "do_train", "do_eval", "do_predict"
    ),
    **_because(
        "it is about labels and predictions of transformers' own losses, which are not used",
        *("label_names", "prediction_loss_only", "include_for_metrics", "batch_eval_metrics"),
        *("eval_do_concat_batches", "eval_use_gather_object", "eval_accumulation_steps"),
    ),
}
"""Arguments that may not be given, and why; ``{name}`` stands for the argument."""


def checked_arguments(config: TrainingConfig) -> dict[str, Any]:
    """Return ``training.arguments`` with values of the types that transformers declares.

    Raises:
        ConfigError: One is unknown, decided elsewhere, without effect here, or of another type.
    """
    known = _known()
    return {name: _checked(name, value, known) for name, value in config.arguments.items()}


def _checked(name: str, value: Any, known: Mapping[str, Any]) -> Any:
    where = f"`training.arguments.{name}`"
    if name in REFUSED:
        raise ConfigError(
            f"'{name}' cannot be set there: {REFUSED[name].format(name=name)}", where=where, fix=f"leave out '{name}'"
        )
    if name not in known:
        raise ConfigError(
            f"transformers.TrainingArguments has no '{name}'",
            where=where,
            fix=f"{did_you_mean(name, _offered(known))}see the documentation of transformers.TrainingArguments",
        )
    if name == "fsdp":  # declared as text, and also read as a truth value
        return value
    try:
        return TypeAdapter(known[name], config=ConfigDict(arbitrary_types_allowed=True)).validate_python(value)
    except PydanticSchemaGenerationError:
        return value
    except ValidationError as error:
        raise ConfigError(
            f"{value!r} is not a value of '{name}': {error.errors()[0]['msg'].lower()}",
            where=where,
            fix=f"its type is {_shown(known[name])}",
        ) from None


def _offered(known: Iterable[str]) -> list[str]:
    return [name for name in known if name not in REFUSED]


@cache
def _known() -> dict[str, Any]:
    """Return the type of every argument of the installed transformers."""
    from transformers import TrainingArguments

    hints = get_type_hints(TrainingArguments)
    return {field.name: hints[field.name] for field in dataclasses.fields(TrainingArguments) if field.init}


def _shown(kind: Any) -> str:
    return kind.__name__ if isinstance(kind, type) else str(kind).replace("typing.", "")
