"""``upo objectives list`` and ``upo objectives show``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.fields import options_of
from upo_cli.output import Table, console, print_json
from upo_cli.shared import BlockPlugin, Json, Plugins, load_plugins
from upo_sdk.config import ObjectiveRef
from upo_sdk.plugin.build import load_options
from upo_sdk.plugin.names import find_objective

if TYPE_CHECKING:
    from upo_sdk.plugin import ObjectiveSpec
    from upo_sdk.plugin.registry import RegisteredObjective, Registry

__all__ = ["app"]

app = typer.Typer(name="objectives", no_args_is_help=True)


@app.command("list", cls=StrictCommand)
def list_objectives(*, plugins: Plugins = None, block_plugin: BlockPlugin = None, json: Json = False) -> None:
    """List the objectives and the packages they come from."""
    registry = load_plugins(plugins, block_plugin)
    found = [_describe(item) for item in registry.objectives.values()]
    if json:
        print_json({"objectives": found})
        return
    keys = ("name", "kind", "summary", "from")
    console().print(Table(*keys, rows=[[str(item[key]) for key in keys] for item in found]))
    _mention_failures(registry)


@app.command(cls=StrictCommand)
def show(
    name: Annotated[str, typer.Argument(help="Name of an objective, or the import path of one.")],
    *,
    plugins: Plugins = None,
    block_plugin: BlockPlugin = None,
    json: Json = False,
) -> None:
    """Show one objective with its options."""
    registry = load_plugins(plugins, block_plugin)
    ref = ObjectiveRef(name=name)
    found = find_objective(ref, registry)
    described = _describe(found) if found else {"name": name}
    options = _options(ref, registry)
    if json:
        print_json({**described, "options": options})
        return
    out = console()
    title, *lines = _heading(found) if found else [f"{name}: the dotted path you gave"]
    out.print(title, style="bold", markup=False)
    for line in lines:
        out.print(line, markup=False)
    example = _example(found.spec) if found else f"{name}:0.3"
    keys = ("name", "type", "default", "description")
    out.print(
        Table(*keys, rows=[[item[key] for key in keys] for item in options]) if options else "it takes no options"
    )
    out.print(
        f"use it: upo train --objective {example}{',OPTION=VALUE' if options else ''}",
        markup=False,
    )


def _heading(found: RegisteredObjective) -> list[str]:
    spec = found.spec
    bounds = [f"rewards lie between {spec.bounds[0]:g} and {spec.bounds[1]:g}"] if spec.bounds else []
    return [
        f"{spec.name}: {spec.summary}",
        f"{spec.kind} objective, from {found.plugin.origin} ({spec.target})",
        *bounds,
    ]


def _example(spec: ObjectiveSpec) -> str:
    if spec.positional:
        return f"{spec.name}:{spec.positional.upper()}:0.3"
    return spec.name if spec.kind == "preference" else f"{spec.name}:0.3"


def _describe(found: RegisteredObjective) -> dict[str, object]:
    spec = found.spec
    return {
        "name": spec.name,
        "kind": spec.kind,
        "summary": spec.summary,
        "from": found.plugin.origin,
        "bounds": spec.bounds,
        "target": spec.target,
    }


def _options(ref: ObjectiveRef, registry: Registry) -> list[dict[str, str]]:
    model = load_options(ref, registry)
    return options_of(model) if model else []


def _mention_failures(registry: Registry) -> None:
    if registry.errors:
        console(stderr=True).print(
            f"{len(registry.errors)} plugin(s) did not load: upo plugins list shows why", style="yellow"
        )
