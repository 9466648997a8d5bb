"""``upo version`` and ``upo --version``."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import version as installed_version

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.output import print_json
from upo_cli.shared import Json  # noqa: TC001 - Typer reads the annotations

__all__ = ["app", "print_version"]

app = typer.Typer()


@app.command("version", cls=StrictCommand)
def version(*, json: Json = False) -> None:
    """Show the version of UPO and of Python."""
    if json:
        print_json({"upo-sdk": installed_version("upo-sdk"), "python": platform.python_version()})
    else:
        print_version(asked=True)


def print_version(asked: bool) -> None:  # noqa: FBT001 - the signature of an option's callback
    """Print the version and end, if the option was given."""
    if asked:
        sys.stdout.write(f"upo {installed_version('upo-sdk')} (Python {platform.python_version()})\n")
        raise typer.Exit
