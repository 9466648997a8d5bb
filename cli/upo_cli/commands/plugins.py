"""``upo plugins list``; ``upo plugins check`` is in a file of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from upo_cli.commands import plugins_check
from upo_cli.output import console, print_json, table
from upo_cli.shared import BlockPlugin, Json, Plugins, load_plugins

if TYPE_CHECKING:
    from upo_sdk.plugin.discovery import PluginCandidate

__all__ = ["NAME", "register"]

NAME = "plugins"

app = typer.Typer(name=NAME, help="Where objectives, data formats and commands come from.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command."""
    plugins_check.register(app)
    root.add_typer(app)


@app.command("list")
def list_plugins(*, plugins: Plugins = None, block_plugin: BlockPlugin = None, json: Json = False) -> None:
    """List every plugin that is installed, whether it loaded, and why not. A broken one is no error here."""
    found = [_describe(item) for item in load_plugins(plugins, block_plugin).plugins]
    if json:
        print_json({"plugins": found})
        return
    keys = ("name", "distribution", "version", "origin", "status", "reason")
    console().print(table(*keys, rows=[[item[key] for key in keys] for item in found]))


def _describe(plugin: PluginCandidate) -> dict[str, str]:
    return {
        "name": plugin.name,
        "distribution": plugin.distribution,
        "version": plugin.version,
        "origin": "built in" if plugin.builtin else "third party",
        "status": plugin.status,
        "reason": plugin.reason,
        "module": plugin.module,
    }
