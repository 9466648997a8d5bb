"""``upo objectives list`` and ``upo objectives show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from upo_cli.fields import options_of
from upo_cli.output import console, print_json, table
from upo_cli.shared import BlockPlugin, Json, Plugins, load_plugins
from upo_sdk.errors import PluginError
from upo_sdk.plugin.specs import load_target

if TYPE_CHECKING:
    from upo_sdk.plugin.registry import RegisteredObjective, Registry

__all__ = ["NAME", "register"]

NAME = "objectives"

app = typer.Typer(name=NAME, help="What can be optimized.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.add_typer(app)


@app.command("list")
def list_objectives(*, plugins: Plugins = None, block_plugin: BlockPlugin = None, json: Json = False) -> None:
    """List the objectives and the distributions they come from."""
    registry = load_plugins(plugins, block_plugin)
    found = [_describe(item) for item in registry.objectives.values()]
    if json:
        print_json({"objectives": found})
        return
    keys = ("name", "kind", "summary", "from")
    console().print(table(*keys, rows=[[str(item[key]) for key in keys] for item in found]))
    _mention_failures(registry)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of an objective.")],
    *,
    plugins: Plugins = None,
    block_plugin: BlockPlugin = None,
    json: Json = False,
) -> None:
    """Show one objective with its options."""
    found = load_plugins(plugins, block_plugin).get(name)
    description = {**_describe(found), "target": found.spec.target, "options": _options(found)}
    if json:
        print_json(description)
        return
    out = console()
    out.print(f"{found.spec.name}: {found.spec.summary}", style="bold", markup=False)
    out.print(f"{found.spec.kind} objective, from {found.plugin.origin} ({found.spec.target})", markup=False)
    if found.spec.bounds:
        out.print(f"rewards lie between {found.spec.bounds[0]:g} and {found.spec.bounds[1]:g}")
    keys = ("name", "type", "default", "description")
    options = _options(found)
    out.print(
        table(*keys, rows=[[item[key] for key in keys] for item in options]) if options else "it takes no options"
    )
    example = name if found.spec.kind == "preference" else f"{name}:0.3"
    out.print(f"use it: upo train --objective {example}{',OPTION=VALUE' if options else ''}", markup=False)


def _describe(found: RegisteredObjective) -> dict[str, object]:
    spec = found.spec
    return {
        "name": spec.name,
        "kind": spec.kind,
        "summary": spec.summary,
        "from": found.plugin.origin,
        "bounds": spec.bounds,
    }


def _options(found: RegisteredObjective) -> list[dict[str, str]]:
    if found.spec.options is None:
        return []
    try:
        return options_of(load_target(found.spec.options))
    except Exception as error:
        raise PluginError(
            f"the options of '{found.spec.name}' cannot be read: {type(error).__name__}: {error}",
            where=f"{found.spec.options}, from {found.plugin.origin}",
            fix=f"tell its author, or block it: --block-plugin {found.plugin.distribution}",
        ) from error


def _mention_failures(registry: Registry) -> None:
    if registry.errors:
        console(stderr=True).print(
            f"{len(registry.errors)} plugin(s) did not load: upo plugins list says why", style="yellow"
        )
