"""What the plan sets that the user did not: the demo's model, data and settings, and a default preference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk import demo
from upo_sdk.config import ObjectiveRef, build_config
from upo_sdk.demo import settings
from upo_sdk.plugin.build import build_objectives

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.config import RunConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.plugin.registry import Registry

__all__ = ["split_off_held_out", "with_default_preference", "with_demo", "with_demo_options"]


def with_demo(config: RunConfig, registry: Registry, notices: list[str]) -> RunConfig:
    """Return the configuration with the demo's settings below what the user wrote."""
    notices.append(
        "no `model.path` and no `data.path`: the built-in demo model and data are used, with the demo's settings"
    )
    written = config.model_dump(exclude_unset=True, by_alias=True)
    objectives = [with_demo_options(ref, registry, notices) for ref in config.objectives]
    below = _settings(_gamma(config, notices))
    if config.loss.scale == "balanced":
        del below["loss"]["gamma"]
    return build_config(below, written, {"objectives": objectives})


def with_demo_options(ref: ObjectiveRef, registry: Registry, notices: list[str]) -> ObjectiveRef:
    """Return the reference with the options that its spec has for the demo, unless the user gave them."""
    registered = registry.objectives.get(ref.name)
    options = registered.spec.demo_options if registered else {}
    missing = {name: value for name, value in options.items() if name not in ref.options}
    if not missing:
        return ref
    written = " and ".join(f"{name}={value}" for name, value in missing.items())
    notices.append(f"'{ref.label}' uses {written} in the demo: a small scorer that needs no download")
    return ref.model_copy(update={"options": {**ref.options, **missing}})


def _gamma(config: RunConfig, notices: list[str]) -> float:
    """Return γ for the demo's data beside the objectives that were asked for, and say so if it is not the usual one."""
    gamma = settings.gamma_beside(config.objectives)
    given = config.loss.scale == "balanced" or "gamma" in config.loss.model_fields_set
    if not given and gamma is None:
        notices.append(
            f"the demo's γ of {settings.GAMMA:g} was chosen for dpo, and is not tested with these objectives: add "
            "`loss.scale=balanced`, or compare the held-out accuracy with that of a run without the auxiliary objective"
        )
    elif not given and gamma != settings.GAMMA:
        notices.append(
            f"γ is {gamma:g} in the demo: the gradients of the preference objective are {gamma:g} times as large as "
            f"those of dpo there"
        )
    return settings.GAMMA if gamma is None else gamma


def _settings(gamma: float) -> dict[str, Any]:
    return {
        "model": {"path": str(demo.demo_model_path())},
        "data": {"path": str(demo.demo_data_path()), "eval_path": str(demo.demo_eval_path()), "max_length": 128},
        "loss": {"gamma": gamma, "lambda": settings.LAMBDA, "gate_steps": settings.GATE_STEPS},
        "training": {
            "learning_rate": settings.LEARNING_RATE,
            "max_steps": settings.MAX_STEPS,
            "warmup_steps": settings.WARMUP_STEPS,
            "per_device_train_batch_size": settings.BATCH_SIZE,
            "per_device_eval_batch_size": 32,
        },
        "eval_prompts": 64,
    }


def with_default_preference(
    objectives: Sequence[LiveObjective], data: PreferenceData, registry: Registry, notices: list[str]
) -> list[LiveObjective]:
    """Return the objectives, with the default for this shape of data in front if none is a preference objective."""
    name = registry.default_preference(data.shape)
    if name is None or any(item.is_preference for item in objectives):
        return list(objectives)
    notices.append(f"no preference objective was named: '{name}' is used, because the data is {data.shape}")
    return [*build_objectives([ObjectiveRef(name=name)], registry), *objectives]


def split_off_held_out(
    objectives: Sequence[LiveObjective], config: RunConfig, notices: list[str]
) -> tuple[list[LiveObjective], list[LiveObjective]]:
    """Return what is in the loss, and the auxiliary objectives of weight 0 that can score the compared answers."""
    held_out = [
        item
        for item in objectives
        if item.weight == 0 and config.eval_prompts and not item.is_preference and item.scores_answers
    ]
    for item in objectives:
        if item in held_out:
            notices.append(f"'{item.label}' has weight 0: it scores the answers before and after, not the data")
        elif item.weight == 0:
            notices.append(f"'{item.label}' has weight 0 and is left out")
    in_loss = [item for item in objectives if item.weight > 0]
    if config.loss.scale == "balanced" and all(item.is_preference for item in in_loss):
        notices.append("scale balanced has nothing to balance: no auxiliary objective has a weight above zero")
    return in_loss, held_out
