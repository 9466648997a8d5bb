"""Registers the ``orpo`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``orpo``."""
    return [
        ObjectiveSpec(
            name="orpo",
            kind="preference",
            target="upo_plugins.orpo.objective:ORPO",
            options="upo_plugins.orpo.options:ORPOOptions",
            summary="Odds Ratio Preference Optimization on pairs: likelihood plus odds ratio, no reference model",
        )
    ]
