"""The options of ``upo sweep`` beside those of ``upo train``, and how they are read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upo_cli.options import parse_value, split_assignment
from upo_cli.settings import takes_beta
from upo_sdk.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.plugin.registry import Registry

__all__ = [
    "FOLDER",
    "BaseConfig",
    "Beta",
    "DryRun",
    "Jobs",
    "NumSamples",
    "Objectives",
    "OutputDir",
    "Overwrite",
    "Pareto",
    "Random",
    "Resume",
    "Seeds",
    "Varied",
    "check_alone",
    "names_of",
    "values_of",
    "with_beta_varied",
]

FOLDER = Path("upo-sweep")

Objectives = Annotated[
    list[str] | None,
    typer.Option(
        "--objective",
        "-o",
        metavar="NAME:WEIGHT,WEIGHT,OPTION=VALUE,VALUE",
        help="An objective with the values to try, for example toxicity:0,0.1,0.3 or dpo:beta=0.05,0.1; repeatable.",
        rich_help_panel="Grid",
    ),
]
Varied = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep",
        metavar="KEY=VALUE,VALUE",
        help="Values to try of any other setting, for example training.learning_rate=1e-5,2e-5; repeatable.",
        rich_help_panel="Grid",
    ),
]
Beta = Annotated[
    str | None,
    typer.Option(
        metavar="float,float",
        help="beta of every preference objective, or several values to try.",
        rich_help_panel="Grid",
    ),
]
Seeds = Annotated[
    int | None,
    typer.Option(metavar="N", help="Train every point with N seeds, and average the results.", rich_help_panel="Grid"),
]
Random = Annotated[
    int | None,
    typer.Option(
        metavar="N", help="Run N random points of the grid, drawn with --seed, instead of all.", rich_help_panel="Grid"
    ),
]
Jobs = Annotated[
    int,
    typer.Option("--jobs", "-j", metavar="N", help="How many points run at the same time.", rich_help_panel="Sweep"),
]
Pareto = Annotated[
    str | None,
    typer.Option(
        metavar="METRIC,METRIC",
        help="The metrics to compare points by. [dim]Default: held-out accuracy and every auxiliary reward.[/dim]",
        rich_help_panel="Sweep",
    ),
]
NumSamples = Annotated[
    str | None,
    typer.Option(
        "--num_samples", metavar="N", help="Answers per prompt in the evaluation. Default: 1.", rich_help_panel="Sweep"
    ),
]
OutputDir = Annotated[
    Path | None,
    typer.Option(
        "--output_dir", metavar="path", help=f"The folder of the sweep. Default: {FOLDER}.", rich_help_panel="Sweep"
    ),
]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite_output_dir", help="Replace the sweep in this folder and start again.", rich_help_panel="Sweep"
    ),
]
Resume = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Resume the sweep in this folder, with its grid and its settings.",
        rich_help_panel="Sweep",
    ),
]
BaseConfig = Annotated[
    Path | None,
    typer.Option("--base-config", "--config", "-c", metavar="FILE", help="A YAML or TOML file.", rich_help_panel="Run"),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Print the points and their commands, and stop.", rich_help_panel="Sweep")
]


def names_of(text: str | None) -> tuple[str, ...]:
    """Return names that are parted by commas."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


def values_of(assignments: Sequence[str]) -> dict[str, list[Any]]:
    """Read ``KEY=VALUE,VALUE`` as YAML reads each value.

    Raises:
        ConfigError: There is no ``=``, a key is given twice, or a value cannot be read.
    """
    pairs = [split_assignment(text, "--sweep") for text in assignments]
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        raise ConfigError(f"'{twice}' is given twice", where="--sweep", fix=f"give all values at once: {twice}=V1,V2")
    return {key: [parse_value(value.strip()) for value in values.split(",")] for key, values in pairs}


def with_beta_varied(objectives: Sequence[str], beta: str, registry: Registry) -> list[str]:
    """Return the objectives with the values of ``--beta`` behind those that take a beta.

    Raises:
        ConfigError: No named objective takes it.
    """
    from upo_sdk.sweep import parse_objective

    takes = [takes_beta(parse_objective(text, registry).variants[0].ref, registry) for text in objectives]
    if not any(takes):
        raise ConfigError("none of the given objectives has a beta", where="--beta", fix=f"--objective dpo,beta={beta}")
    return [f"{text},beta={beta}" if takes_it else text for text, takes_it in zip(objectives, takes, strict=True)]


def check_alone(given: Mapping[str, Any]) -> None:
    """Check that nothing is given beside ``--resume`` that the sweep there has already.

    Raises:
        ConfigError: Something is.
    """
    named = next((flag for flag, value in given.items() if value), None)
    if named is not None:
        raise ConfigError(
            f"{named} cannot be combined with --resume, which uses the settings of the sweep in the folder",
            where="--resume",
            fix=f"leave {named} out; to add points, repeat the whole command with --output_dir FOLDER",
        )
