"""Settings that were given and have no effect beside the others: each is named once, with the reason."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from upo_sdk.config import written_name
from upo_sdk.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from pydantic import BaseModel

    from upo_sdk.config import LossConfig, ModelConfig, RunConfig, TrainingConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.plugin.build import LiveObjective

__all__ = ["check_used", "unused_settings"]

_VALUE_HEAD = ("loss.value_learning_rate", "loss.value_coefficient", "loss.value_max_grad_norm")
_AUXILIARY = (
    *("loss.gamma", "loss.lambda", "loss.gate_steps", "loss.baseline", "loss.expectile", *_VALUE_HEAD),
    *("loss.length_normalization", "loss.advantage_cap"),
)
_OF_EVALUATION = ("training.arguments.eval_delay", "training.arguments.eval_on_start")
_OF_PLATEAU = ("training.arguments.metric_for_best_model", "training.arguments.greater_is_better")
_LOOKING = frozenset({"reduce_lr_on_plateau", "greedy"})


def check_used(config: RunConfig, data: PreferenceData) -> None:
    """Check that what asks for an evaluation has data to evaluate on.

    Raises:
        ConfigError: It has none.
    """
    given = _given(config)
    for key in ("training.eval_steps", *_OF_EVALUATION):
        if key in given and data.eval is None:
            raise ConfigError(
                "there is no held-out data to evaluate on",
                where=_shown(key),
                fix="add `data.eval_fraction=0.1`, or `data.eval_path=FILE`; or leave it out",
            )


def unused_settings(
    asked: RunConfig, config: RunConfig, objectives: Sequence[LiveObjective], data: PreferenceData
) -> list[str]:
    """Return one sentence per reason for which settings have no effect.

    Args:
        asked: As the user wrote it.
        config: Resolved.
        objectives: What is in the loss.
        data: The preference data.
    """
    given, reasons = _given(asked), defaultdict[str, list[str]](list)
    for key, reason in _reasons(config, objectives, data, given):
        if key in given:
            reasons[reason].append(_shown(key))
    return [
        f"{', '.join(dict.fromkeys(keys))} {'has' if len(keys) == 1 else 'have'} no effect: {reason}"
        for reason, keys in reasons.items()
    ]


def _reasons(
    config: RunConfig, objectives: Sequence[LiveObjective], data: PreferenceData, given: Collection[str]
) -> Iterator[tuple[str, str]]:
    """Yield every setting that has no effect here, with the reason."""
    yield from _of_loss(config.loss, objectives)
    yield from _of_training(config.training, data)
    training = config.training
    rules = (
        (
            "training.arguments.fsdp" not in given,
            "training.arguments.fsdp_config",
            "there is no `training.arguments.fsdp`",
        ),
        (
            training.report_to == "none",
            "training.arguments.run_name",
            "`training.report_to` names no tracker",
        ),
        (not config.eval_prompts, "eval_max_new_tokens", "no answers are compared without `eval_prompts`"),
        (not config.push_to_hub, "hub_samples", "nothing is pushed without `push_to_hub`"),
        (_is_local(config.model), "model.revision", "the model is a local folder"),
    )
    yield from ((key, reason) for holds, key, reason in rules if holds)


def _of_loss(loss: LossConfig, objectives: Sequence[LiveObjective]) -> Iterator[tuple[str, str]]:
    if all(item.is_preference for item in objectives):
        yield from _each(_AUXILIARY, "no auxiliary objective has a weight")
    elif loss.baseline != "value":
        without = (*_VALUE_HEAD, *(() if loss.scale == "balanced" else ("loss.expectile",)))
        yield from _each(without, f"the baseline '{loss.baseline}' has no value head")


def _of_training(training: TrainingConfig, data: PreferenceData) -> Iterator[tuple[str, str]]:
    schedule, at_the_end = training.lr_scheduler_type, data.eval is not None and not training.eval_steps
    rules = (
        (training.max_steps > 0, ("training.num_train_epochs",), "`training.max_steps` decides the length of the run"),
        (
            bool(training.tokens_per_batch),
            ("training.per_device_train_batch_size",),
            "`training.tokens_per_batch` decides it",
        ),
        (
            not training.save_steps,
            ("training.save_total_limit",),
            "no checkpoints are saved without `training.save_steps`",
        ),
        (
            at_the_end,
            ("training.arguments.eval_delay",),
            "the only evaluation is at the end; add `training.eval_steps`",
        ),
        (schedule not in _LOOKING, _OF_PLATEAU, f"the schedule '{schedule}' does not look at metrics"),
    )
    for holds, keys, reason in rules:
        if holds:
            yield from _each(keys, reason)


def _is_local(model: ModelConfig | None) -> bool:
    return model is not None and Path(model.path).is_dir()


def _each(keys: Sequence[str], reason: str) -> Iterator[tuple[str, str]]:
    return ((key, reason) for key in keys)


def _given(config: RunConfig) -> dict[str, object]:
    """Return what was written and is not the default, by dotted key."""
    return dict(_leaves(config, ""))


def _leaves(section: BaseModel, prefix: str) -> Iterator[tuple[str, object]]:
    from pydantic import BaseModel

    for name in section.model_fields_set:
        field, value = type(section).model_fields[name], getattr(section, name)
        key = f"{prefix}{written_name(name, field)}"
        if isinstance(value, BaseModel):
            yield from _leaves(value, f"{key}.")
        elif key == "training.arguments":
            yield from _arguments(value, key)
        elif value != field.get_default(call_default_factory=True):
            yield key, value


def _arguments(value: Mapping[str, object], key: str) -> Iterator[tuple[str, object]]:
    return ((f"{key}.{name}", given) for name, given in value.items())


def _shown(key: str) -> str:
    return f"`{key}`"
