"""Options that several commands take, and the plugin policy they amount to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from upo_cli.option_names import as_options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from upo_sdk.config import PluginPolicy
    from upo_sdk.plugin.registry import Registry

__all__ = [
    "SPELLINGS",
    "BlockPlugin",
    "Json",
    "LogFormat",
    "LogFormatOption",
    "Plugins",
    "Preset",
    "Quiet",
    "RequirePlugin",
    "Sets",
    "load_plugins",
    "plugin_settings",
    "warn_of_plugins",
]

SPELLINGS: dict[str, Callable[[str], str]] = {"token_normalize_func": lambda word: word.replace("-", "_")}
"""Settings of a command whose options work with underscores and with dashes: ``--learning-rate``."""

LogFormat = Literal["auto", "rich", "plain", "jsonl"]
LogFormatOption = Annotated[
    LogFormat,
    typer.Option(
        help="How to show progress on stderr: bars (rich), lines (plain) or one JSON object per line. Default: auto."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Write the result, or the error, to stdout as one JSON object.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show only warnings, errors and the result.")]
Preset = Annotated[
    str | None, typer.Option(metavar="NAME", help="Built-in settings to start from: paper.", rich_help_panel="Run")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any setting by its key, for example model.revision=main; repeatable.",
        rich_help_panel="Run",
    ),
]
Plugins = Annotated[
    str | None,
    typer.Option(
        metavar="auto|none|NAME,NAME",
        help="Third-party plugins that may load, by package name. [dim]Default: UPO_PLUGINS, else auto.[/dim]",
        rich_help_panel="Plugins",
    ),
]
BlockPlugin = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help="A package whose plugins never load; repeatable.", rich_help_panel="Plugins"),
]
RequirePlugin = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME", help="A package that must load, or the command fails; repeatable.", rich_help_panel="Plugins"
    ),
]


def plugin_settings(
    under: Mapping[str, Any],
    plugins: str | None = None,
    block_plugin: list[str] | None = None,
    require_plugin: list[str] | None = None,
) -> dict[str, Any]:
    """Return the ``plugins`` section: default auto < preset and file < UPO_PLUGINS < command line.

    What is blocked or required adds up, from the file, ``UPO_PLUGINS_BLOCK`` and ``UPO_PLUGINS_REQUIRE``, and the
    command line: none can lift what another forbids.

    Args:
        under: The section as the preset and the file have it.
        plugins: ``auto``, ``none``, or distributions separated by commas.
        block_plugin: Distributions that never load.
        require_plugin: Distributions that must be installed.
    """
    allow = plugins or os.environ.get("UPO_PLUGINS")
    settings = {"allow": "auto", **under, **({"allow": _names(allow)} if allow else {})}
    for key, given in (("block", block_plugin), ("require", require_plugin)):
        added = [*_split(os.environ.get(f"UPO_PLUGINS_{key.upper()}", "")), *(given or ())]
        if added:
            settings[key] = [*settings.get(key, ()), *added]
    return settings


def load_plugins(
    plugins: str | None = None, block_plugin: list[str] | None = None, require_plugin: list[str] | None = None
) -> Registry:
    """Load plugins for a command that has no configuration; those that fail or are missing are recorded, not raised.

    Raises:
        UPOError: The policy is wrong.
    """
    from upo_sdk.plugin.registry import load_registry

    return load_registry(_policy(plugin_settings({}, plugins, block_plugin, require_plugin)))


def warn_of_plugins(registry: Registry, *, as_json: bool, log_format: LogFormat = "auto") -> None:
    """Show on stderr which plugins did not load, if the command continues without them."""
    if as_json or log_format == "jsonl":
        return
    from upo_cli.output import say

    for text in registry.warnings:
        say(f"warning: {as_options(text)}", style="yellow", stderr=True)


def _policy(settings: Mapping[str, Any]) -> PluginPolicy:
    from upo_sdk.config import build_config  # not at the top: upo --help gets by without pydantic

    return build_config({"plugins": settings}, where="command line").plugins


def _names(text: str) -> str | list[str]:
    if text in {"auto", "none"}:
        return text
    return _split(text)


def _split(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]
