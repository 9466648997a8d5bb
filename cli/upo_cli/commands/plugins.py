"""``upo plugins list`` and ``upo plugins new``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from upo_cli.output import console, print_error, print_json, table
from upo_cli.shared import BlockPlugin, Json, Plugins, load_plugins

if TYPE_CHECKING:
    from upo_sdk.plugin.discovery import PluginCandidate
    from upo_sdk.plugin.registry import Registry

__all__ = ["NAME", "register"]

NAME = "plugins"

app = typer.Typer(name=NAME, help="Where objectives, data formats and commands come from.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.add_typer(app)


@app.command("list")
def list_plugins(*, plugins: Plugins = None, block_plugin: BlockPlugin = None, json: Json = False) -> None:
    """List every plugin that is installed, whether it loaded, and why not. A broken one is no error here."""
    registry = load_plugins(plugins, block_plugin)
    found = [_describe(item, registry) for item in registry.plugins]
    problems = [{"what": error.what, "where": error.where, "fix": error.fix} for error in registry.errors]
    if json:
        print_json({"plugins": found, "problems": problems, "remarks": registry.remarks})
        return
    keys = ("name", "kind", "distribution", "version", "origin", "status", "reason")
    console().print(table(*keys, rows=[[item[key] for key in keys] for item in found]))
    for error in registry.errors:
        print_error(error)
    for text in registry.remarks:
        console(stderr=True).print(f"note: {text}", markup=False, soft_wrap=True)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name of the new distribution, such as upo-polite.")],
    *,
    kind: Annotated[
        Literal["auxiliary", "preference"],
        typer.Option(help="A reward on texts, or a loss on log-probabilities and labels."),
    ] = "auxiliary",
    folder: Annotated[Path, typer.Option("--dir", metavar="DIR", help="Where its folder is made.")] = Path(),
    json: Json = False,
) -> None:
    """Write a distribution with one objective, whose tests pass at once; the objective is NAME without 'upo-'."""
    from upo_cli.plugin_names import PluginNames
    from upo_cli.scaffold import render, write_distribution

    names = PluginNames.choose(name, load_plugins())
    place = folder / names.distribution
    texts = render(names, kind)
    write_distribution(texts, place)
    use = names.objective if kind == "preference" else f"{names.objective}:0.3"
    commands = [f'pip install -e "{place}[dev]"', f"pytest {_quoted(place)}", f"upo train --objective {use}"]
    if json:
        print_json({"folder": place, "objective": names.objective, "files": sorted(texts), "next": commands})
        return
    out = console()
    out.print(f"wrote {place}: fill in {place / names.package / 'objective.py'}; next:", markup=False, soft_wrap=True)
    for command in commands:
        out.print(f"  {command}", markup=False, soft_wrap=True)


def _quoted(path: Path) -> str:
    return f'"{path}"' if " " in str(path) else str(path)


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
