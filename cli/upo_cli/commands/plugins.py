"""``upo plugins list``; ``check`` and ``new`` are in files of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.commands import plugins_check, plugins_new
from upo_cli.option_names import as_options
from upo_cli.output import Table, console, print_error, print_json
from upo_cli.shared import BlockPlugin, Json, Plugins, load_plugins

if TYPE_CHECKING:
    from upo_sdk.plugin.discovery import PluginCandidate
    from upo_sdk.plugin.registry import Registry

__all__ = ["NAME", "register"]

NAME = "plugins"

app = typer.Typer(
    name=NAME,
    help="List, check and write plugins: they add objectives, data formats and commands.",
    no_args_is_help=True,
)


def register(root: typer.Typer) -> None:
    """Add the command."""
    plugins_check.register(app)
    plugins_new.register(app)
    root.add_typer(app)


@app.command("list", cls=StrictCommand)
def list_plugins(*, plugins: Plugins = None, block_plugin: BlockPlugin = None, json: Json = False) -> None:
    """List every installed plugin, and say whether it loaded or why not. The exit code is 0 even if one is broken."""
    registry = load_plugins(plugins, block_plugin)
    found = [_describe(item, registry) for item in registry.plugins]
    problems = [{"what": error.what, "where": error.where, "fix": error.fix} for error in registry.errors]
    if json:
        print_json({"plugins": found, "problems": problems, "remarks": registry.remarks})
        return
    keys = ("name", "kind", "distribution", "version", "origin", "status", "reason")
    console().print(Table(*keys, rows=[[item[key] for key in keys] for item in found]))
    for error in registry.errors:
        print_error(error)
    for text in registry.remarks:
        console(stderr=True).print(f"note: {as_options(text)}", markup=False, soft_wrap=True)


def _describe(plugin: PluginCandidate, registry: Registry) -> dict[str, str]:
    return {
        "name": plugin.name,
        "kind": ", ".join(registry.offers(plugin)) or "-",
        "distribution": plugin.distribution,
        "version": plugin.version,
        "origin": "built in" if plugin.builtin else "third party",
        "status": plugin.status,
        "reason": plugin.reason,
        "module": plugin.module,
    }
