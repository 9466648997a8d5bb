"""Commands that plugins add."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from upo_cli.output import print_error
from upo_sdk.errors import DuplicateNameError

if TYPE_CHECKING:
    from upo_sdk.plugin.registry import Registry

__all__ = ["add_plugin_commands"]


def add_plugin_commands(app: typer.Typer, registry: Registry) -> None:
    """Add the commands of every plugin whose hook works; name the others on stderr."""
    added = typer.Typer()
    for error in registry.attempts("upo_register_commands", app=added):
        print_error(error)
    taken = _names(app)
    for name in sorted(taken & _names(added)):
        print_error(
            DuplicateNameError(
                f"a plugin adds the command '{name}', which exists already; the plugin's command is left out"
            )
        )
    app.registered_commands += [item for item in added.registered_commands if _name(item) not in taken]
    app.registered_groups += [item for item in added.registered_groups if _name(item) not in taken]


def _names(app: typer.Typer) -> set[str]:
    return {_name(item) for item in (*app.registered_commands, *app.registered_groups)}


def _name(item: object) -> str:
    """Return the name as Typer derives it: given, of the group's application, or from the function."""
    if isinstance(name := getattr(item, "name", None), str):
        return name
    if isinstance(name := getattr(getattr(getattr(item, "typer_instance", None), "info", None), "name", None), str):
        return name
    return getattr(getattr(item, "callback", None), "__name__", "").lower().replace("_", "-")
