"""Registers the ``simpo`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``simpo``."""
    return [
        ObjectiveSpec(
            name="simpo",
            kind="preference",
            target="upo_plugins.simpo.objective:SimPO",
            options="upo_plugins.simpo.options:SimPOOptions",
            summary="Simple Preference Optimization on pairs: mean log-probs with a margin, no reference model",
        )
    ]
