"""The application: the built-in commands, those of plugins, and the documented exit codes."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from upo_cli.boundary import BoundaryGroup
from upo_cli.commands import config, doctor, objectives, plugins, train, version
from upo_cli.shared import load_plugins

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.plugin.registry import Registry

__all__ = ["build_app", "main"]

_BUILTIN = (train, objectives, plugins, doctor, config, version)

_HELP = "Align a language model with any preference loss plus weighted objectives, offline."
_EPILOG = """
Exit codes: 0 done; 1 the run failed, or a bug; 2 bad input; 130 interrupted.

Environment: UPO_PLUGINS=auto|none|NAME,NAME; UPO_PLUGINS_BLOCK and UPO_PLUGINS_REQUIRE=NAME,NAME; UPO_CACHE_DIR;
UPO_DEBUG=1 shows tracebacks; NO_COLOR.
"""


def build_app(registry: Registry | None = None) -> typer.Typer:
    """Return the application with the built-in commands and, given a registry, those of its plugins.

    A plugin whose command hook fails, or that takes the name of another command, is named on stderr and left out.
    """
    app = typer.Typer(
        name="upo",
        cls=BoundaryGroup,
        help=_HELP,
        epilog=_EPILOG,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_root)
    for command in _BUILTIN:
        command.register(app)
    if registry is not None:
        from upo_cli.plugin_commands import add_plugin_commands

        add_plugin_commands(app, registry)
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks γ shows a question mark, not a traceback
    arguments = list(sys.argv[1:] if argv is None else argv)
    build_app(_registry_for(arguments))(args=arguments, prog_name="upo")


def _root(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=version.print_version, help="Show the version.")
    ] = False,
) -> None:
    """Options of ``upo`` itself."""


def _registry_for(arguments: Sequence[str]) -> Registry | None:
    """Load plugins for their commands, unless a built-in command is named, which loads what it needs by itself.

    So a plugin that ``upo train --block-plugin`` blocks is never imported.
    """
    first = next((word for word in arguments if not word.startswith("-")), None)
    if first in {command.NAME for command in _BUILTIN} or "--version" in arguments:
        return None
    return load_plugins()
