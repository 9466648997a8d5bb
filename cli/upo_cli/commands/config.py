"""``upo config schema``, ``upo config validate`` and ``upo config init``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.output import console, print_json
from upo_cli.settings import UserSettings, check_named_options, resolve
from upo_cli.shared import BlockPlugin, Json, Plugins  # noqa: TC001 - Typer reads the annotations
from upo_cli.starter_file import starter_file
from upo_sdk.config import RunConfig
from upo_sdk.errors import OutputError
from upo_sdk.plugin.names import find_objective
from upo_sdk.plugin.registry import load_registry

__all__ = ["NAME", "register"]

NAME = "config"

app = typer.Typer(name=NAME, help="Write and check configuration files.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.add_typer(app)


@app.command(cls=StrictCommand)
def schema() -> None:
    """Print the JSON Schema of a configuration file, with which editors complete and check YAML."""
    print_json(RunConfig.model_json_schema(by_alias=True))


@app.command(cls=StrictCommand)
def validate(
    file: Annotated[Path, typer.Argument(help="A YAML or TOML file.")],
    *,
    plugins: Plugins = None,
    block_plugin: BlockPlugin = None,
    json: Json = False,
) -> None:
    """Check a configuration file: its keys, types and ranges, and the names and options of objectives."""
    config = resolve(UserSettings(file=file, plugins=plugins, block_plugin=block_plugin))
    registry = load_registry(config.plugins).check()
    check_named_options(config, registry)
    unchecked = [ref.named for ref in config.objectives if find_objective(ref, registry) is None]
    if json:
        print_json({"valid": True, "file": file, "unchecked": unchecked, "config": _as_data(config)})
        return
    console().print(f"{file} is valid", markup=False, soft_wrap=True)
    for name in unchecked:
        console(stderr=True).print(f"note: '{name}' is a dotted path and was not imported", markup=False)


@app.command(cls=StrictCommand)
def init(
    *,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="Built-in settings to start from: paper.")] = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write; '-' is stdout.")
    ] = Path("run.yaml"),
) -> None:
    """Write a configuration file with comments to start from. An existing file is never overwritten."""
    text = starter_file(preset)
    if str(output) == "-":
        typer.echo(text, nl=False)
        return
    try:
        with output.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise OutputError(
            "the file exists and is not overwritten", where=str(output), fix="choose another name: -o FILE"
        ) from None
    except OSError as error:
        raise OutputError(
            f"the file cannot be written: {error.strerror}", where=str(output), fix="choose another place: -o FILE"
        ) from error
    console().print(f"wrote {output}; next: upo train -c {output} --dry-run", markup=False, soft_wrap=True)


def _as_data(config: RunConfig) -> dict[str, Any]:
    return config.model_dump(mode="json", by_alias=True)
