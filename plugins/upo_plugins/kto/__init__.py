"""Registers the ``kto`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``kto``."""
    return [
        ObjectiveSpec(
            name="kto",
            kind="preference",
            target="upo_plugins.kto.objective:KTO",
            options="upo_plugins.kto.options:KTOOptions",
            summary="Kahneman-Tversky Optimization on pairs or on labelled single completions",
            variants={"apo_zero_unpaired": "kto,loss_type=apo_zero_unpaired"},
            default_for=("unpaired",),
        )
    ]
