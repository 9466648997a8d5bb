"""Registers the ``trl`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``trl``."""
    return [
        ObjectiveSpec(
            name="trl",
            kind="auxiliary",
            target="upo_plugins.trl.objective:RewardFunction",
            options="upo_plugins.trl.options:RewardFunctionOptions",
            summary="A reward function written for TRL: trl:package.function",
            positional="function",
            target_kind="import",
        )
    ]
