"""Registers the ``length`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``length``."""
    return [
        ObjectiveSpec(
            name="length",
            kind="auxiliary",
            target="upo_plugins.length.objective:Length",
            options="upo_plugins.length.objective:LengthOptions",
            summary="Length of a response: a target or a maximum, in words, characters or tokens",
            bounds=(0.0, 1.0),
        )
    ]
