"""From a YAML or TOML file and overrides to a :class:`RunConfig`, with errors that name the key and the fix."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from upo_sdk.config.base import as_mapping, written_name
from upo_sdk.config.evaluation import EvalConfig
from upo_sdk.config.run_config import RunConfig
from upo_sdk.config.scoring import ScoreConfig
from upo_sdk.errors import ConfigError, did_you_mean

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "RESOLVED_CONFIG",
    "build_config",
    "build_eval_config",
    "build_score_config",
    "dump_yaml",
    "merge",
    "preset",
    "presets",
    "read_config_file",
    "read_text",
    "to_yaml",
]

RESOLVED_CONFIG = "config.resolved.yaml"
"""The configuration of a run in its folder, with every default filled in."""

Settings = dict[str, Any]

_Config = TypeVar("_Config", bound=BaseModel)

_PLACES = frozenset({"model", "baseline", "data"})
"""Settings that may be written as a bare path."""


def build_config(*layers: Mapping[str, Any], where: str = "configuration") -> RunConfig:
    """Merge layers, later ones over earlier ones, and validate the result.

    Raises:
        ConfigError: A key is unknown or a value is wrong.
    """
    return _build(RunConfig, layers, where)


def build_eval_config(*layers: Mapping[str, Any], where: str = "configuration") -> EvalConfig:
    """Merge layers, later ones over earlier ones, and validate the result.

    Raises:
        ConfigError: A key is unknown or a value is wrong.
    """
    return _build(EvalConfig, layers, where)


def build_score_config(*layers: Mapping[str, Any], where: str = "configuration") -> ScoreConfig:
    """Merge layers, later ones over earlier ones, and validate the result.

    Raises:
        ConfigError: A key is unknown or a value is wrong.
    """
    return _build(ScoreConfig, layers, where)


def _build(model: type[_Config], layers: Iterable[Mapping[str, Any]], where: str) -> _Config:
    merged: Settings = {}
    for layer in layers:
        merged = merge(merged, layer)
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        raise config_error(error, model, where) from None


def merge(under: Mapping[str, Any], over: Mapping[str, Any]) -> Settings:
    """Return ``under`` with the values of ``over``; mappings are merged, everything else is replaced."""
    return _merged(_in_long_form(under), _in_long_form(over))


def _merged(under: Mapping[str, Any], over: Mapping[str, Any]) -> Settings:
    result = dict(under)
    for key, value in over.items():
        below = result.get(key)
        result[key] = _merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return result


def flattened(settings: Mapping[str, Any], prefix: str = "") -> Settings:
    """Return nested settings by their dotted keys."""
    found: Settings = {}
    for name, value in settings.items():
        found |= flattened(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def _in_long_form(settings: Mapping[str, Any]) -> Settings:
    return {key: as_mapping(value) if key in _PLACES else value for key, value in settings.items()}


def read_text(path: Path, what: str, *, fix: str) -> str:
    """Read a file of the user.

    Raises:
        ConfigError: It is missing, or not UTF-8; it names ``what`` and says the fix.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{what} cannot be read: {reason}", where=str(path), fix=fix) from error


def read_config_file(path: Path) -> Settings:
    """Read a ``.yaml``, ``.yml`` or ``.toml`` file.

    Raises:
        ConfigError: The file is missing, cannot be parsed, or does not hold a mapping.
    """
    text = read_text(path, "the configuration", fix="check the path")
    try:
        parsed = tomllib.loads(text) if path.suffix == ".toml" else yaml.safe_load(text)
    except (yaml.YAMLError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"the file is not valid {'TOML' if path.suffix == '.toml' else 'YAML'}: {' '.join(str(error).split())}",
            where=str(path),
            fix="`upo config init` writes a valid file to start from",
        ) from error
    if not isinstance(parsed, dict):
        raise ConfigError("the file does not hold keys and values", where=str(path), fix="`upo config init`")
    return parsed


def presets() -> list[str]:
    """Return the names of the shipped presets."""
    return sorted(entry.name.removesuffix(".yaml") for entry in (files("upo_sdk.config") / "presets").iterdir())


def preset(name: str) -> Settings:
    """Return the settings of a shipped preset.

    Raises:
        ConfigError: There is no such preset.
    """
    if name not in presets():
        raise ConfigError(
            f"there is no preset '{name}'",
            where="presets",
            fix=f"{did_you_mean(name, presets())}choose one of: {', '.join(presets())}",
        )
    settings: Settings = yaml.safe_load((files("upo_sdk.config") / "presets" / f"{name}.yaml").read_text("utf-8"))
    return settings


def to_yaml(config: RunConfig) -> str:
    """Write a configuration as YAML that :func:`build_config` reads back to an equal object."""
    return dump_yaml(config.model_dump(mode="json", by_alias=True))


def dump_yaml(settings: Settings) -> str:
    """Write settings as YAML in their order, without folding long values, so that a path can be found in the text."""
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, width=10_000)


def config_error(error: ValidationError, model: type[BaseModel], where: str) -> ConfigError:
    """Turn pydantic's first complaint into one clear message; further ones are counted."""
    first, *others = error.errors()
    key = ".".join(str(part) for part in first["loc"])
    more = f" (and {len(others)} more)" if others else ""
    place = f"{where}: {key}" if key else where
    if first["type"] == "extra_forbidden":
        known = _known_keys(model, first["loc"][:-1])
        return ConfigError(
            f"unknown key '{first['loc'][-1]}'{more}",
            where=place,
            fix=f"{did_you_mean(str(first['loc'][-1]), known)}known keys: {', '.join(known)}",
        )
    message = first["msg"].removeprefix("Value error, ")
    given = f": {first['input']!r}" if isinstance(first["input"], str | int | float) else ""
    return ConfigError(
        f"{message[0].lower()}{message[1:]}{given}{more}",
        where=place,
        fix="`upo config schema` lists every key with its type and default",
    )


def _known_keys(model: type[BaseModel], path: tuple[int | str, ...]) -> list[str]:
    current: type[BaseModel] = model
    for part in path:
        field = current.model_fields.get(str(part))
        nested = _nested_model(field.annotation) if field else None
        if nested is None:
            break
        current = nested
    return sorted(written_name(name, field) for name, field in current.model_fields.items())


def _nested_model(annotation: Any) -> type[BaseModel] | None:
    candidates = [annotation, *getattr(annotation, "__args__", ())]
    return next((item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)), None)
