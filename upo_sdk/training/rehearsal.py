"""What transformers would refuse once a run is under way, asked of transformers itself before any work."""

from __future__ import annotations

import re
import tempfile
from dataclasses import fields
from pathlib import Path
from traceback import clear_frames
from typing import TYPE_CHECKING, Any, cast

from upo_sdk.errors import ConfigError, UPOError, did_you_mean
from upo_sdk.isolation import isolated
from upo_sdk.policy import build_skeleton, load_model_config, shrink
from upo_sdk.training.arguments import training_arguments
from upo_sdk.training.engines import check_deepspeed, check_engine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from transformers import Trainer

    from upo_sdk.config import TrainingConfig
    from upo_sdk.plan import RunPlan

__all__ = ["rehearse"]

_OF_OPTIMIZER = ("optim_args", "optim_target_modules", "adam_beta1", "adam_beta2", "adam_epsilon")
_ROWS = 2


def rehearse(plan: RunPlan) -> list[str]:
    """Build arguments, trainer, optimizer, schedule and data loader over a model of single numbers.

    Its modules and names are those of the policy, so packages that are missing, options that contradict each other and
    values out of range are found as the run would find them.

    Returns:
        What the optimizer and the schedule that are asked for do not read, in words.

    Raises:
        ConfigError: transformers refuses a setting; its place is the setting at fault.
    """
    training = plan.config.training
    _check_precision(plan)
    check_deepspeed(training)
    with isolated():
        try:
            trainer = _rehearse(plan, training)
        except UPOError:
            raise
        except Exception as error:
            place = _at_fault(plan, error)
            if place is None:
                raise
            raise ConfigError(
                f"transformers refuses it: {_first_line(error)}", where=place, fix=_fix(error, training, place)
            ) from error
        return list(_unread(plan, trainer))


def _fix(error: Exception, training: TrainingConfig, place: str) -> str:
    if isinstance(error, ImportError):
        return "install what it names, or leave it out"
    names = re.findall(r"'([\w-]+)'", str(error).partition("select one of")[2])
    given = getattr(training, place.strip("`").removeprefix("training."), None)
    return f"{did_you_mean(str(given), names)}correct the value, or leave it out"


def _check_precision(plan: RunPlan) -> None:
    """Check what transformers would only find in the first forward: numbers that the device or the kernel lacks."""
    import torch

    model, training = plan.model, plan.config.training
    half = training.bf16 or model.dtype in {"bfloat16", "float16"}
    if "flash" in (model.attn_implementation or "") and model.dtype == "float32" and not half:
        raise ConfigError(
            f"{model.attn_implementation} computes in half precision only",
            where="`model.attn_implementation`",
            fix="add `training.bf16=true`, or leave it out",
        )
    wants = "`training.bf16`" if training.bf16 else "`model.dtype=bfloat16`" if model.dtype == "bfloat16" else None
    on_cuda = torch.cuda.is_available() and not training.arguments.get("use_cpu")
    if wants and on_cuda and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise ConfigError(
            f"{torch.cuda.get_device_name()} has no bfloat16", where=wants, fix="leave it out: float32 is the default"
        )


def _rehearse(plan: RunPlan, training: TrainingConfig) -> Trainer:
    from torch.utils.data import TensorDataset
    from transformers import Trainer, default_data_collator

    with tempfile.TemporaryDirectory() as folder:  # the trainer makes it
        args = training_arguments(training, Path(folder), evaluate=plan.data.eval is not None)
        rows: Any = TensorDataset(*_row_numbers())
        skeleton: Any = build_skeleton(load_model_config(plan.model), plan.model)
        trainer = Trainer(
            shrink(skeleton, args.device),
            args,
            data_collator=default_data_collator,
            train_dataset=rows,
            eval_dataset=rows if plan.data.eval is not None else None,
        )
        check_engine(trainer)
        if not trainer.is_deepspeed_enabled:  # which makes both itself, once the whole model is there
            trainer.create_optimizer_and_scheduler(plan.steps)
        trainer.get_train_dataloader()
    return trainer


def _row_numbers() -> tuple[Any, ...]:
    import torch

    return (torch.arange(_ROWS),)


def _at_fault(plan: RunPlan, error: Exception) -> str | None:
    """Return the setting without which there is no error, else, of several faults, one without which it is another."""
    changes: list[str] = []
    for place, without in _without_each(plan.config.training):
        clear_frames(error.__traceback__)  # what transformers keeps alive in them would fail the next attempts too
        other = _error(plan, without)
        if other is None:
            return place
        if (type(other), str(other)) != (type(error), str(error)):
            changes.append(place)
        clear_frames(other.__traceback__)
    return next(iter(changes), None)


def _error(plan: RunPlan, training: TrainingConfig) -> Exception | None:
    try:
        _rehearse(plan, training)
    except Exception as error:  # noqa: BLE001 - whatever transformers raises
        return error
    return None


def _without_each(training: TrainingConfig) -> Iterator[tuple[str, TrainingConfig]]:
    """Yield the settings without one that was given, and the place of that one."""
    for name in training.arguments:
        rest = {other: value for other, value in training.arguments.items() if other != name}
        yield f"`training.arguments.{name}`", training.model_copy(update={"arguments": rest})
    for name, field in type(training).model_fields.items():
        if getattr(training, name) != field.default and name != "arguments":
            yield f"`training.{name}`", training.model_copy(update={name: field.get_default(call_default_factory=True)})


def _unread(plan: RunPlan, trainer: Trainer) -> Iterator[str]:
    """Yield warnings of settings that change neither the optimizer nor the schedule."""
    training = plan.config.training
    given = [name for name in _OF_OPTIMIZER if name in training.arguments]
    as_asked = _optimizer(trainer)
    for name in given:
        asked = getattr(trainer.args, name)
        setattr(trainer.args, name, next(field.default for field in fields(trainer.args) if field.name == name))
        if getattr(trainer.args, name) != asked and _optimizer(trainer) == as_asked:
            yield f"`training.arguments.{name}` has no effect: the optimizer '{training.optim}' does not read it"
        setattr(trainer.args, name, asked)
    schedule = training.lr_scheduler_type
    if training.warmup_steps and schedule in {"constant", "reduce_lr_on_plateau", "greedy"}:
        instead = "; constant_with_warmup does" if schedule == "constant" else ""
        yield f"`training.warmup_steps` has no effect: the schedule '{schedule}' has no warm-up{instead}"
    elif training.warmup_steps >= plan.steps:
        yield (
            f"the warm-up has {training.warmup_steps:,} steps and the run {plan.steps:,}: the learning rate never "
            f"reaches {training.learning_rate:g}"
        )
    if training.arguments.get("lr_scheduler_kwargs") and schedule in {"constant", "constant_with_warmup"}:
        yield f"`training.arguments.lr_scheduler_kwargs` has no effect: the schedule '{schedule}' reads none"


def _optimizer(trainer: Trainer) -> tuple[Any, str] | None:
    """Return the class and the options that transformers chooses, or None if it cannot."""
    try:
        made, options = trainer.get_optimizer_cls_and_kwargs(trainer.args, cast("Any", trainer.model))
    except Exception:  # noqa: BLE001 - it cannot do without what was taken out
        return None
    return made, repr({name: value for name, value in options.items() if name not in {"params", "optimizer_dict"}})


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "") or type(error).__name__
