"""Registers the ``toxicity`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``toxicity``."""
    return [
        ObjectiveSpec(
            name="toxicity",
            kind="auxiliary",
            target="upo_plugins.toxicity.objective:Toxicity",
            options="upo_plugins.toxicity.options:ToxicityOptions",
            summary="Not toxic: 1 minus the worst category of a toxicity classifier",
            bounds=(0.0, 1.0),
            demo_options={"model": "builtin"},
        )
    ]
