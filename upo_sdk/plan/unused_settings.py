"""Settings that were given and have no effect beside the others: each is named once, with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from upo_sdk.config import written_name
from upo_sdk.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pydantic import BaseModel

    from upo_sdk.config import RunConfig
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
    given, sentences = _given(asked), list[str]()
    for keys, reason in _reasons(config, objectives, data, given):
        named = [_shown(key) for key in keys if key in given]
        if named:
            sentences.append(f"{', '.join(named)} {'has' if len(named) == 1 else 'have'} no effect: {reason}")
    return sentences


def _reasons(
    config: RunConfig, objectives: Sequence[LiveObjective], data: PreferenceData, given: Collection[str]
) -> list[tuple[Sequence[str], str]]:
    """Return the settings that have no effect here, with the reason."""
    loss, training = config.loss, config.training
    schedule, at_the_end = training.lr_scheduler_type, data.eval is not None and not training.eval_steps
    alone = all(item.is_preference for item in objectives)
    of_value_head = (*_VALUE_HEAD, *(() if loss.scale == "balanced" else ("loss.expectile",)))
    is_local = config.model is not None and Path(config.model.path).is_dir()
    rules = (
        (alone, _AUXILIARY, "no auxiliary objective has a weight"),
        (not alone and loss.baseline != "value", of_value_head, f"the baseline '{loss.baseline}' has no value head"),
        (training.max_steps > 0, ["training.num_train_epochs"], "`training.max_steps` decides the length of the run"),
        (
            bool(training.tokens_per_batch),
            ["training.per_device_train_batch_size"],
            "`training.tokens_per_batch` decides it",
        ),
        (
            not training.save_steps,
            ["training.save_total_limit"],
            "no checkpoints are saved without `training.save_steps`",
        ),
        (at_the_end, ["training.arguments.eval_delay"], "the only evaluation is at the end; add `training.eval_steps`"),
        (schedule not in _LOOKING, _OF_PLATEAU, f"the schedule '{schedule}' does not look at metrics"),
        (
            "training.arguments.fsdp" not in given,
            ["training.arguments.fsdp_config"],
            "there is no `training.arguments.fsdp`",
        ),
        (training.report_to == "none", ["training.arguments.run_name"], "`training.report_to` names no tracker"),
        (not config.eval_prompts, ["eval_max_new_tokens"], "no answers are compared without `eval_prompts`"),
        (not config.push_to_hub, ["hub_samples"], "nothing is pushed without `push_to_hub`"),
        (is_local, ["model.revision"], "the model is a local folder"),
    )
    return [(keys, reason) for holds, keys, reason in rules if holds]


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
            yield from ((f"{key}.{name}", given) for name, given in value.items())
        elif value != field.get_default(call_default_factory=True):
            yield key, value


def _shown(key: str) -> str:
    return f"`{key}`"
