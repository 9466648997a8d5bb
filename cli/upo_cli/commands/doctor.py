"""``upo doctor``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from upo_cli.boundary import StrictCommand
from upo_cli.option_names import as_options
from upo_cli.output import console, print_json
from upo_cli.shared import BlockPlugin, Json, Plugins  # noqa: TC001 - Typer reads the annotations

if TYPE_CHECKING:
    from upo_cli.checks import Check

__all__ = ["NAME", "register"]

NAME = "doctor"

_STYLES = {"ok": "green", "warning": "yellow", "broken": "bold red"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(NAME, cls=StrictCommand)(doctor)


def doctor(*, plugins: Plugins = None, block_plugin: BlockPlugin = None, json: Json = False) -> None:
    """Check libraries, device, memory, disk, network and plugins. The exit code is 1 if one is broken."""
    from upo_cli.checks import run_checks

    found = run_checks(plugins, block_plugin)
    broken = any(check.status == "broken" for check in found)
    if json:
        print_json({"healthy": not broken, "checks": found})
    else:
        _show(found)
    if broken:
        raise typer.Exit(1)


def _show(found: list[Check]) -> None:
    from rich.text import Text

    out = console()
    for check in found:
        line = Text.assemble((f"{check.status:8}", _STYLES[check.status]), f" {check.name:14} {check.detail}")
        if check.fix:
            line.append(f"\n{'':24}fix: {as_options(check.fix)}")
        out.print(line, soft_wrap=True)
