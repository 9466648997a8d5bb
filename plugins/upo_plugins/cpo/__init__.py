"""Registers the ``cpo`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``cpo``."""
    return [
        ObjectiveSpec(
            name="cpo",
            kind="preference",
            target="upo_plugins.cpo.objective:CPO",
            options="upo_plugins.cpo.options:CPOOptions",
            summary="Contrastive Preference Optimization on pairs: a contrast plus likelihood, no reference model",
        )
    ]
