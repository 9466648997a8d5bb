"""``upo config schema``, ``upo config validate`` and ``upo config init``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from upo_cli.boundary import StrictCommand
from upo_cli.fields import nested_model
from upo_cli.output import console, print_json, say
from upo_cli.settings import UserSettings, check_named_options, resolve
from upo_cli.shared import (
    BlockPlugin,  # noqa: TC001 - Typer reads the annotations
    Json,  # noqa: TC001 - Typer reads the annotations
    Plugins,  # noqa: TC001 - Typer reads the annotations
)
from upo_sdk.config import RunConfig, preset, written_name
from upo_sdk.errors import OutputError
from upo_sdk.plugin.names import find_objective
from upo_sdk.plugin.registry import load_registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

__all__ = ["app"]

app = typer.Typer(name="config", no_args_is_help=True)


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
    say(f"{file} is valid")
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
    text = _starter_file(preset)
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
    say(f"wrote {output}; next: upo train -c {output} --dry-run")


def _as_data(config: RunConfig) -> dict[str, Any]:
    return config.model_dump(mode="json", by_alias=True)


_HEADER = """\
# A run of UPO. Check it: upo config validate FILE. See the plan: upo train -c FILE --dry-run
# A line behind '#' is a default; take the '#' away, there and from its section, to change it.
"""
_PLACEHOLDERS = {"model": "path/to/model", "data": "path/to/data.jsonl"}
_SHOWN = {
    **{section: {"path": path} for section, path in _PLACEHOLDERS.items()},
    "plugins": {"allow": "auto"},  # the default of the command line; that of the library is none
}
_WIDTH = 60


def _starter_file(name: str | None = None) -> str:
    """Return a YAML file; what the preset sets is active, everything else is a comment.

    Raises:
        ConfigError: There is no such preset.
    """
    settings: dict[str, Any] = preset(name) if name else {"objectives": ["dpo", "toxicity:0.3"]}
    if name:
        for section, path in _PLACEHOLDERS.items():
            settings[section] = {"path": path, **settings.get(section, {})}
    return _HEADER + "".join(
        f"{line}\n" for key, field in RunConfig.model_fields.items() for line in _entry(key, field, settings)
    )


def _entry(key: str, field: FieldInfo, settings: Mapping[str, Any]) -> Iterator[str]:
    section = nested_model(field)
    if section is None:
        yield ""
        yield from _leaf(key, field, settings, indent="")
        return
    active = settings.get(key, {})
    yield f"\n# {_first_line(section)}"
    yield f"{key}:" if active else f"# {key}:"
    for name, inner in section.model_fields.items():
        yield from _leaf(written_name(name, inner), inner, active, indent="  ", shown=_SHOWN.get(key, {}))


def _leaf(
    key: str, field: FieldInfo, active: Mapping[str, Any], *, indent: str, shown: Mapping[str, Any] | None = None
) -> Iterator[str]:
    default = field.get_default(call_default_factory=True, validated_data={}) if not field.is_required() else None
    value = active.get(key, (shown or {}).get(key, default))
    written = f"{indent}{key}: {_inline(value)}"
    line = written if key in active else f"# {written}"
    yield f"{line.ljust(_WIDTH)}  # {field.description}" if field.description else line


def _inline(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    plain = plain if isinstance(plain, str | int | float | bool | list | dict | None) else str(plain)
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _first_line(section: type[BaseModel]) -> str:
    return (section.__doc__ or section.__name__).strip().splitlines()[0]
