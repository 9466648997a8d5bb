"""Which objectives are in the loss: those that were named, and a default preference if none of them is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.config import ObjectiveRef
from upo_sdk.plugin.build import build_objectives

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.config import RunConfig
    from upo_sdk.data import PreferenceData
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.plugin.registry import Registry

__all__ = ["split_off_held_out", "with_default_preference"]


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
