"""The commented YAML that ``upo config init`` writes: every key with its meaning, derived from the models."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from upo_cli.fields import nested_model
from upo_sdk.config import RunConfig, preset, written_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo

__all__ = ["starter_file"]

_HEADER = """\
# A run of UPO. Check it: upo config validate FILE. See the plan: upo train -c FILE --dry-run
# A line behind '#' is a default; take the '#' away, there and from its section, to change it.
"""
_PLACEHOLDERS = {"model": "path/to/model", "data": "path/to/data.jsonl"}
_SHOWN = {
    **{section: {"path": path} for section, path in _PLACEHOLDERS.items()},
    "plugins": {"allow": "auto"},  # the default of the command line; that of the library is none
}
_WIDTH = 60


def starter_file(name: str | None = None) -> str:
    """Return a YAML file; what the preset sets is active, everything else is a comment.

    Raises:
        ConfigError: There is no such preset.
    """
    settings: dict[str, Any] = preset(name) if name else {"objectives": ["dpo", "toxicity:0.3"]}
    if name:
        for section, path in _PLACEHOLDERS.items():
            settings[section] = {"path": path, **settings.get(section, {})}
    return _HEADER + "".join(
        f"{line}\n" for key, field in RunConfig.model_fields.items() for line in _entry(key, field, settings)
    )


def _entry(key: str, field: FieldInfo, settings: Mapping[str, Any]) -> Iterator[str]:
    section = nested_model(field)
    if section is None:
        yield ""
        yield from _leaf(key, field, settings, indent="")
        return
    active = settings.get(key, {})
    yield f"\n# {_first_line(section)}"
    yield f"{key}:" if active else f"# {key}:"
    for name, inner in section.model_fields.items():
        yield from _leaf(written_name(name, inner), inner, active, indent="  ", shown=_SHOWN.get(key, {}))


def _leaf(
    key: str, field: FieldInfo, active: Mapping[str, Any], *, indent: str, shown: Mapping[str, Any] | None = None
) -> Iterator[str]:
    default = field.get_default(call_default_factory=True, validated_data={}) if not field.is_required() else None
    value = active.get(key, (shown or {}).get(key, default))
    written = f"{indent}{key}: {_inline(value)}"
    line = written if key in active else f"# {written}"
    yield f"{line.ljust(_WIDTH)}  # {field.description}" if field.description else line


def _inline(value: Any) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    plain = plain if isinstance(plain, str | int | float | bool | list | dict | None) else str(plain)
    text = yaml.safe_dump(plain, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n").removesuffix("\n...")


def _first_line(section: type[BaseModel]) -> str:
    return (section.__doc__ or section.__name__).strip().splitlines()[0]
