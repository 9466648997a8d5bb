"""Options of the commands, derived from the configurations: a new field is a new option."""

from __future__ import annotations

import functools
import inspect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from upo_cli.fields import default_text, nested_model, type_text
from upo_sdk.config import EvalConfig, RunConfig, ScoreConfig, written_name
from upo_sdk.config.scoring import UNUSED_DATA_SETTINGS
from upo_sdk.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

__all__ = ["ConfigOption", "assign", "assign_sets", "config_options", "settings_from_options", "with_config_options"]

_FLAGS = {
    "model.path": ("--model", "--model_name_or_path"),
    "data.path": ("--data", "--dataset_name"),
    "data.format": ("--data_format",),
    "judge.target": ("--judge",),
    "lora.use_peft": ("--use_peft",),
    "lora.use_dora": ("--use_dora",),
    "lora.use_rslora": ("--use_rslora",),
}
_PREFIXED = {"judge", "lora"}  # settings of something of their own, named as others name them
_ELSEWHERE: dict[type[BaseModel], frozenset[str]] = {  # what has options, or an argument, of its own
    RunConfig: frozenset({"objectives", "plugins"}),
    EvalConfig: frozenset({"objectives", "plugins", "baseline", "fail_if", "model.path"}),
    ScoreConfig: frozenset(
        {"objectives", "plugins", "data.path", "output", *(f"data.{name}" for name in UNUSED_DATA_SETTINGS)}
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigOption:
    """One option and the key it sets.

    Attributes:
        key: Dotted, for example ``training.learning_rate``.
        flags: What the user types, the main one first.
    """

    key: str
    flags: tuple[str, ...]
    field: FieldInfo

    @property
    def parameter(self) -> str:
        """The name of the keyword argument of the command."""
        return self.key.replace(".", "__")

    @property
    def is_mapping(self) -> bool:
        """Whether it is repeatable and takes ``key=value``."""
        return get_origin(self.field.annotation) is dict

    @property
    def is_list(self) -> bool:
        """Whether it is repeatable and takes one value each time."""
        return any(get_origin(kind) is tuple for kind in (self.field.annotation, *get_args(self.field.annotation)))

    @property
    def is_flag(self) -> bool:
        """Whether it takes no value."""
        return self.field.annotation is bool

    @property
    def panel(self) -> str:
        """The group in the help."""
        section, dot, _ = self.key.rpartition(".")
        return {"lora": "LoRA"}.get(section, section.capitalize()) if dot else "Run"

    def annotation(self) -> Any:
        """Return the annotation that Typer reads; conversion and ranges are left to the configuration."""
        value_type = (
            list[str] | None if self.is_mapping or self.is_list else bool | None if self.is_flag else str | None
        )
        return Annotated[
            value_type,
            typer.Option(*self.flags, help=self._help(), metavar=self._metavar(), rich_help_panel=self.panel),
        ]

    def _help(self) -> str:
        default = default_text(self.field)
        shown = "" if default in {"-", "required"} else f" Default: {default}."
        return (self.field.description or "").replace("[", r"\[") + shown

    def _metavar(self) -> str | None:
        if self.is_mapping or self.is_flag:
            return "KEY=VALUE" if self.is_mapping else None
        return type_text(self.field).removesuffix("+...")  # an option of several values is given several times


def config_options(model: type[BaseModel] = RunConfig) -> list[ConfigOption]:
    """Return every leaf field of a configuration as an option."""
    return list(_walk(model.model_fields, "", _ELSEWHERE[model]))


def with_config_options(
    command: Callable[..., None], model: type[BaseModel] = RunConfig, without: Collection[str] = ()
) -> Callable[..., None]:
    """Replace ``**given`` in a command's signature by one keyword per option, each None unless it is given.

    Args:
        command: The command.
        model: The configuration whose fields are options.
        without: Keys that are no options of it.
    """

    @functools.wraps(command)
    def call(**arguments: Any) -> None:
        command(**arguments)

    signature = inspect.signature(command, eval_str=True)
    own = [item for item in signature.parameters.values() if item.kind is not inspect.Parameter.VAR_KEYWORD]
    added = [
        inspect.Parameter(
            option.parameter, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=option.annotation()
        )
        for option in config_options(model)
        if option.key not in without
    ]
    call.__dict__["__signature__"] = signature.replace(parameters=[*own, *added])
    call.__annotations__ = {item.name: item.annotation for item in (*own, *added)}
    return call


def settings_from_options(given: Mapping[str, Any], model: type[BaseModel] = RunConfig) -> dict[str, Any]:
    """Return nested settings of the options that were given.

    Args:
        given: By :attr:`ConfigOption.parameter`; None is "not given".
        model: The configuration they are of.

    Raises:
        ConfigError: A ``key=value`` has no ``=``.
    """
    settings: dict[str, Any] = {}
    for option in config_options(model):
        value = given.get(option.parameter)
        if value is None or (option.is_list and not value):
            continue
        if option.is_mapping:
            parse = str if option.field.annotation == dict[str, str] else parse_value
            value = {key: parse(text) for key, text in _assignments(value, option.flags[0])}
        assign(settings, option.key, value)
    return settings


def assign(settings: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key in nested settings; a section given in its short form becomes its ``path``."""
    *sections, name = key.split(".")
    for section in sections:
        below = settings.get(section)
        settings[section] = below if isinstance(below, dict) else {} if below is None else {"path": below}
        settings = settings[section]
    settings[name] = value


def assign_sets(settings: dict[str, Any], sets: Iterable[str]) -> None:
    """Set what ``--set KEY=VALUE`` gives.

    Raises:
        ConfigError: There is no key or no ``=``, a key has two values, or a value is not YAML.
    """
    for key, value in _assignments(sets, "--set"):
        assign(settings, key, parse_value(value))


def _assignments(texts: Iterable[str], flag: str) -> list[tuple[str, str]]:
    """Split every ``key=value``.

    Raises:
        ConfigError: There is no key or no ``=``, or two values of one key.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, value = split_assignment(text, flag)
        if found.setdefault(key, value) != value:
            raise ConfigError(
                f"'{key}' is given twice: {found[key]} and {value}", where=flag, fix=f"give {flag} {key}=VALUE once"
            )
    return list(found.items())


def split_assignment(text: str, flag: str) -> tuple[str, str]:
    """Split ``key=value``.

    Raises:
        ConfigError: There is no key or no ``=``.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"'{text}' is not KEY=VALUE", where=flag, fix=f"write {flag} key=value")
    return key.strip(), value.strip()


def parse_value(text: str) -> Any:
    """Read a value as YAML does, and also ``1e-8``, which YAML takes for text.

    Raises:
        ConfigError: It is not YAML.
    """
    import yaml

    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(
            f"'{text}' is not a YAML value", where="--set", fix="quote it: --set 'key=\"text\"'"
        ) from error
    if isinstance(value, str) and value[:1] in "+-.0123456789":
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _walk(fields: Mapping[str, FieldInfo], prefix: str, elsewhere: Collection[str]) -> Iterator[ConfigOption]:
    for name, field in fields.items():
        key = f"{prefix}{written_name(name, field)}"
        section = nested_model(field)
        if key in elsewhere:
            continue
        if section is not None:
            yield from _walk(section.model_fields, f"{key}.", elsewhere)
        else:
            yield ConfigOption(key=key, flags=_flags(key), field=field)


def _flags(key: str) -> tuple[str, ...]:
    """Return what the user types: the last part of the key, with the section before it where it would be taken."""
    section, _, name = key.rpartition(".")
    return _FLAGS.get(key, (f"--{section}_{name}" if section in _PREFIXED else f"--{name}",))
