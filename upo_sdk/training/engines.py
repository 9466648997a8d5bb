"""What shards a model over processes: which of accelerate's engines work here, and what has to be set for them."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from upo_sdk.errors import ConfigError
from upo_sdk.ranks import is_launched

if TYPE_CHECKING:
    from transformers import Trainer, TrainingArguments

    from upo_sdk.config import TrainingConfig

__all__ = ["check_deepspeed", "check_engine"]


def check_deepspeed(config: TrainingConfig) -> None:
    """Check that DeepSpeed is there, if it is asked for.

    Raises:
        ConfigError: It is not installed.
    """
    by_setting = bool(config.arguments.get("deepspeed"))
    if (by_setting or _is_set("ACCELERATE_USE_DEEPSPEED")) and find_spec("deepspeed") is None:
        where = "`training.arguments.deepspeed`" if by_setting else _DEEPSPEED
        raise ConfigError("deepspeed is not installed", where=where, fix="pip install deepspeed, or shard with FSDP2")


def check_engine(trainer: Trainer) -> None:
    """Check what shards the model, before there is anything to shard.

    Raises:
        ConfigError: With the setting of accelerate to change.
    """
    if trainer.is_deepspeed_enabled:
        _check_zero(trainer.args)
    if trainer.is_fsdp_enabled:
        _check_fsdp(trainer.accelerator.state.fsdp_plugin)
    elif trainer.args.fsdp or _is_set("ACCELERATE_USE_FSDP"):
        raise ConfigError(
            "accelerate shards models on accelerators only: every process would hold the whole model",
            where=_FSDP,
            fix="use `distributed_type: MULTI_GPU`, which on a CPU is DDP",
        )


_DEEPSPEED = "DeepSpeed, the configuration of accelerate"
_FSDP = "FSDP, the configuration of accelerate"


def _check_zero(args: TrainingArguments) -> None:
    plugin: Any = args.deepspeed_plugin
    if plugin.hf_ds_config.is_zero3():
        raise ConfigError(
            "ZeRO-3 is not supported: it shards the weights, which the reference log-probs and the answers need whole",
            where=_DEEPSPEED,
            fix="use FSDP2, which shards them too, or `zero_stage: 2`",
        )


def _check_fsdp(plugin: Any) -> None:
    if plugin.fsdp_version == 1:
        what, setting = "FSDP 1 flattens the weights, which a run reads by name", "fsdp_version: 2"
    elif "FULL" not in str(plugin.state_dict_type):
        what, setting = "checkpoints and models are saved whole", "fsdp_state_dict_type: FULL_STATE_DICT"
    elif plugin.cpu_ram_efficient_loading:
        what = "every process needs the weights for its share of the reference log-probs"
        setting = "fsdp_cpu_ram_efficient_loading: false"
    else:
        return
    raise ConfigError(what, where=_FSDP, fix=f"set `{setting}`")


def _is_set(name: str) -> bool:
    """Whether the launcher set it; accelerate leaves some behind in a process that it never launched."""
    return is_launched() and os.environ.get(name, "").lower() in {"1", "true", "yes"}
