"""Registers the ``column`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``column``."""
    return [
        ObjectiveSpec(
            name="column",
            kind="auxiliary",
            target="upo_plugins.column.objective:Column",
            options="upo_plugins.column.objective:ColumnOptions",
            summary="Scores from a column of the data: column:NAME",
            positional="name",
        )
    ]
