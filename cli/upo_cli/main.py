"""The application: the built-in commands, those of plugins, and the documented exit codes."""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Annotated

import typer

from upo_cli.boundary import BoundaryGroup
from upo_cli.commands.version import print_version
from upo_cli.output import print_error
from upo_sdk.errors import DuplicateNameError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from upo_sdk.plugin.registry import Registry

__all__ = ["build_app", "main"]

_COMMANDS = {
    "train": "Train a model on preferences and any number of weighted objectives.",
    "sweep": "Train with every combination of weights and options, and compare the trade-offs.",
    "eval": "Compare a model with its base model: rewards, accuracy, divergence, style and safety.",
    "score": "Label a corpus with the rewards of any objectives, and filter it by them.",
    "report": "Write the HTML report of a run or a sweep again.",
    "runs": "List runs, show one, and compare several.",
    "merge": "Add an adapter to the weights of its model: the result is a plain model.",
    "push": "Push a finished run to the Hugging Face hub.",
    "objectives": "List the objectives and show their options.",
    "plugins": "List, check and write plugins: they add objectives, data formats and commands.",
    "cache": "Show or clean the cache, which later runs reuse.",
    "doctor": "Check libraries, device, memory, disk, network and plugins.",
    "config": "Write and check configuration files.",
    "version": "Show the version of UPO and of Python.",
}
"""Every command, in ``upo_cli.commands``, with what the list says of it while its module is not imported."""

_HELP = "Train a language model on preferences and any number of weighted objectives, offline."
_EPILOG = """
Exit codes: 0 success; 1 failure, or a bug; 2 wrong input; 130 interrupted.

Environment: UPO_PLUGINS=auto|none|NAME,NAME; UPO_PLUGINS_BLOCK and UPO_PLUGINS_REQUIRE=NAME,NAME; UPO_CACHE_DIR;
UPO_DEBUG=1 shows tracebacks; NO_COLOR.
"""


def build_app(registry: Registry | None = None, *, load: Collection[str] = tuple(_COMMANDS)) -> typer.Typer:
    """Return the application with the built-in commands and, given a registry, those of its plugins.

    A plugin whose command hook fails, or that takes the name of another command, is named on stderr and left out.

    Args:
        registry: Loaded plugins.
        load: The commands to import; the others are only listed, which keeps ``upo --help`` quick.
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
    for name, summary in _COMMANDS.items():
        if name in load:
            loaded: typer.Typer = import_module(f"upo_cli.commands.{name}").app
            if loaded.info.name:
                app.add_typer(loaded, help=summary)
            else:
                app.registered_commands += loaded.registered_commands
        else:
            app.command(name, help=summary)(_listed)
    if registry is not None:
        _add_plugin_commands(app, registry)
    return app


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command line and end the process with its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks γ shows a question mark, not a traceback
    arguments = list(sys.argv[1:] if argv is None else argv)
    first = next((word for word in arguments if not word.startswith("-")), "")
    known = first in _COMMANDS or "--version" in arguments
    build_app(None if known else _registry(), load=[first])(args=arguments, prog_name="upo")


def _root(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=print_version, help="Show the version.")
    ] = False,
) -> None:
    """Options of ``upo`` itself."""


def _listed() -> None:
    """Stand in for a command that this call does not name."""


def _only_built_ins() -> bool:
    try:
        return all(item.value.startswith("upo_plugins.") for item in entry_points(group="upo"))
    except Exception:  # noqa: BLE001 - a broken installation makes it raise; the registry names it
        return False


def _registry() -> Registry | None:
    """Load plugins for their commands, if there are others than the built-in ones, which add none.

    Not when a built-in command is named, which loads what it needs by itself: so a plugin that
    ``upo train --block-plugin`` blocks is never imported.
    """
    policy = os.environ.get("UPO_PLUGINS")
    if policy == "none" or _only_built_ins():
        return None
    from upo_cli.shared import load_plugins

    return load_plugins()


def _add_plugin_commands(app: typer.Typer, registry: Registry) -> None:
    """Add the commands of every plugin whose hook works; name the others on stderr."""
    added = typer.Typer()
    for error in registry.attempts("upo_register_commands", app=added):
        print_error(error)
    taken = _names(app)
    for name in sorted(taken & _names(added)):
        print_error(
            DuplicateNameError(
                f"a plugin adds the command '{name}', which exists already; the plugin's command is left out"
            )
        )
    app.registered_commands += [item for item in added.registered_commands if _name(item) not in taken]
    app.registered_groups += [item for item in added.registered_groups if _name(item) not in taken]


def _names(app: typer.Typer) -> set[str]:
    return {_name(item) for item in (*app.registered_commands, *app.registered_groups)}


def _name(item: object) -> str:
    """Return the name as Typer derives it: given, of the group's application, or from the function."""
    if isinstance(name := getattr(item, "name", None), str):
        return name
    if isinstance(name := getattr(getattr(getattr(item, "typer_instance", None), "info", None), "name", None), str):
        return name
    return getattr(getattr(item, "callback", None), "__name__", "").lower().replace("_", "-")
