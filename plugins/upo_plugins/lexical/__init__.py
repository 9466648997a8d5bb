"""Registers the ``lexical`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``lexical``."""
    return [
        ObjectiveSpec(
            name="lexical",
            kind="auxiliary",
            target="upo_plugins.lexical.objective:Lexical",
            options="upo_plugins.lexical.options:LexicalOptions",
            summary="Lexical style: readability, grade band, diversity, formality, hedging or rare words",
            bounds=(0.0, 1.0),
        )
    ]
