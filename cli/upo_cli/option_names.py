"""Settings in messages as they are typed: the SDK writes `training.max_steps=100`, a command shows --max_steps 100."""

from __future__ import annotations

import functools
import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["as_options", "as_options_of_eval", "as_options_of_score", "spelling_of"]

_SETTING = re.compile(r"`([a-z]\w*(?:\.\w+)*)(?:=([^`]*))?`")
_MODEL = re.compile(r"`model\.path(?:=([^`]*))?`")
_DATA = re.compile(r"`data\.path(?:=([^`]*))?`")
_NOT_DERIVED = {  # what the commands declare themselves
    "objectives": "--objective",
    "plugins.allow": "--plugins",
    "plugins.block": "--block-plugin",
    "plugins.require": "--require-plugin",
    "baseline.path": "--baseline",
    "fail_if": "--fail_if",
    "output": "--output",
    "settings": "--sweep",
    "seeds": "--seeds",
    "random": "--random",
    "jobs": "--jobs",
    "pareto": "--pareto",
}
_SECTIONS = tuple(f"{name}." for name in ("model", "baseline", "data", "loss", "training", "lora", "plugins", "judge"))


def as_options(text: str) -> str:
    """Return a message with every setting in backticks as its option; what else stands in backticks stays."""
    return _SETTING.sub(lambda found: _option(found[1], found[2]) or found[0], text)


def as_options_of_eval(text: str) -> str:
    """Return the same for ``upo eval``, whose model is an argument."""
    return as_options(_MODEL.sub(lambda found: f"upo eval {found[1]}" if found[1] else "MODEL", text))


def as_options_of_score(text: str) -> str:
    """Return the same for ``upo score``, whose data are an argument."""
    return as_options(_DATA.sub(lambda found: f"upo score {found[1]}" if found[1] else "DATA", text))


def spelling_of(command: str) -> Callable[[str], str]:
    """Return how a command shows the settings in a message."""
    return {"eval": as_options_of_eval, "score": as_options_of_score}.get(command, as_options)


def _option(key: str, value: str | None) -> str | None:
    """Return the option of a setting, ``--set`` where it has none, or None for what is no setting."""
    mapping = key.rpartition(".")[0]
    if key in _flags() and value in {None, "true"}:
        return _flags()[key]
    if key in _options():
        return _typed(_options()[key], value)
    written = key if value is None else f"{key}={value}"
    if mapping in _options():  # one item, such as data.columns.prompt
        return _typed(_options()[mapping], written.removeprefix(f"{mapping}."))
    return _typed("--set", written) if key.startswith(_SECTIONS) else None


def _typed(option: str, value: str | None) -> str:
    return option if value is None else f"{option} {shlex.quote(value)}"


@functools.cache
def _flags() -> dict[str, str]:
    """Return the options without a value, by key."""
    from upo_cli.options import config_options  # not at the top: upo --help gets by without pydantic
    from upo_sdk.config import RunConfig, ScoreConfig

    derived = {
        option.key: option.flags[0]
        for model in (RunConfig, ScoreConfig)
        for option in config_options(model)
        if option.is_flag
    }
    return derived | {"overwrite": derived["overwrite_output_dir"]}  # of a sweep


@functools.cache
def _options() -> dict[str, str]:
    """Return the options with a value, by key."""
    from upo_cli.options import config_options
    from upo_sdk.config import EvalConfig, RunConfig, ScoreConfig

    derived = (option for model in (ScoreConfig, EvalConfig, RunConfig) for option in config_options(model))
    return _NOT_DERIVED | {option.key: option.flags[0] for option in derived if not option.is_flag}
