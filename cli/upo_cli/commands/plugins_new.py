"""``upo plugins new``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.output import console, print_json
from upo_cli.shared import Json, load_plugins

__all__ = ["register"]


def register(plugins: typer.Typer) -> None:
    """Add the command to ``upo plugins``."""
    plugins.command("new", cls=StrictCommand)(new)


def new(
    name: Annotated[str, typer.Argument(help="Name of the new package, for example upo-polite.")],
    *,
    kind: Annotated[
        Literal["auxiliary", "preference"],
        typer.Option(help="A reward on texts, or a loss on log-probabilities and labels."),
    ] = "auxiliary",
    folder: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to create the package's folder.")
    ] = Path(),
    json: Json = False,
) -> None:
    """Write a new package with one objective and tests that pass. The objective is called NAME without 'upo-'."""
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
