"""From preset, file, environment and command line to one configuration; an error names the layer it came from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from upo_cli.options import assign_sets, config_options, settings_from_options
from upo_cli.shared import plugin_settings
from upo_sdk.config import ObjectiveRef, RunConfig, build_config, merge, preset, read_config_file
from upo_sdk.errors import ConfigError
from upo_sdk.plugin.specs import load_target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from upo_sdk.plugin.registry import Registry

__all__ = ["UserSettings", "check_named_options", "resolve", "takes_beta", "with_beta"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSettings:
    """What the user gave, as it was given.

    Attributes:
        options: Values of the derived options, None if not given.
        sets: ``key.path=value``, in order; they win over the options.
        objectives: In text form; any of them replaces all of the file's.
    """

    preset: str | None = None
    file: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    sets: Sequence[str] = ()
    objectives: Sequence[str] = ()
    plugins: str | None = None
    block_plugin: list[str] | None = None
    require_plugin: list[str] | None = None


def resolve(given: UserSettings) -> RunConfig:
    """Merge default < preset < file < environment < command line, and validate.

    Raises:
        ConfigError: With the option or the file at fault as its place.
    """
    under: dict[str, Any] = preset(given.preset) if given.preset else {}
    if given.file:
        under = merge(under, read_config_file(given.file))
    over = _command_line(given)
    settings = merge(under, over)
    _require_paths(settings)
    section = settings.get("plugins")
    if section is None or isinstance(section, dict):
        settings["plugins"] = plugin_settings(section or {}, given.plugins, given.block_plugin, given.require_plugin)
    try:
        return build_config(settings, where="command line")
    except ConfigError as error:
        raise _placed(error, given, under) from error.__cause__


def with_beta(config: RunConfig, beta: str, registry: Registry) -> RunConfig:
    """Set the option ``beta`` of every named preference objective that has one.

    Raises:
        ConfigError: No named objective takes it.
    """
    takes = [takes_beta(ref, registry) for ref in config.objectives]
    if not any(takes):
        raise ConfigError("none of the given objectives has a beta", where="--beta", fix=f"--objective dpo,beta={beta}")
    objectives = tuple(
        ref.model_copy(update={"options": {**ref.options, "beta": beta}}) if takes_it else ref
        for ref, takes_it in zip(config.objectives, takes, strict=True)
    )
    return config.model_copy(update={"objectives": objectives})


def check_named_options(config: RunConfig, registry: Registry) -> None:
    """Check names and options of the objectives; dotted paths are left to the run, since they import code.

    Raises:
        UPOError: A name is unknown, or an option is unknown or wrong.
    """
    from upo_sdk.plugin.build import check_options

    for ref in config.objectives:
        check_options(ref, registry)


def _command_line(given: UserSettings) -> dict[str, Any]:
    settings = settings_from_options(given.options)
    assign_sets(settings, given.sets)
    if given.objectives:
        settings["objectives"] = [ObjectiveRef.model_validate(text) for text in given.objectives]
    return settings


def _require_paths(settings: Mapping[str, Any]) -> None:
    for section in ("model", "data"):
        found = settings.get(section)
        if isinstance(found, dict) and found and "path" not in found:
            raise ConfigError(
                f"{section}.{next(iter(found))} is set, and no --{section} is given",
                where=section,
                fix=f"give --{section} PATH as well",
            )


def _placed(error: ConfigError, given: UserSettings, under: Mapping[str, Any]) -> ConfigError:
    """Return the error with the option or the file it came from as its place."""
    key = (error.where or "").rpartition(": ")[2]
    source = str(given.file) if given.file else f"preset {given.preset}"
    try:
        build_config(under, where=source)
    except ConfigError as earlier:
        if earlier.what == error.what:
            return earlier
    flag = next((option.flags[0] for option in config_options() if option.key == key), None)
    if flag is None or given.options.get(key.replace(".", "__")) is None:
        return error
    return type(error)(error.what, where=flag, fix="upo train --help lists every option with its type and default")


def takes_beta(ref: ObjectiveRef, registry: Registry) -> bool:
    """Return whether it is a registered preference objective with an option ``beta``."""
    from upo_sdk.plugin.names import find_objective

    found = find_objective(ref, registry)
    if found is None:
        return False
    spec = found.spec
    return spec.kind == "preference" and spec.options is not None and "beta" in load_target(spec.options).model_fields
