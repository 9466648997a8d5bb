"""How a field of a pydantic model is shown to a user: its type with its range, and its default."""

from __future__ import annotations

from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from upo_sdk.config import written_name

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["default_text", "nested_model", "options_of", "type_text", "without_none"]

_SIGNS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
_WORDS: dict[Any, str] = {str: "text", Path: "path", bool: "true|false", Any: "value"}


def type_text(field: FieldInfo) -> str:
    """Return a text like ``float > 0``, ``sigmoid|ipo|hinge`` or ``text``."""
    limits = [
        f"{sign} {getattr(item, name):g}"
        for item in field.metadata
        for name, sign in _SIGNS.items()
        if getattr(item, name, None) is not None
    ]
    return " ".join([_name(without_none(field.annotation)), *limits])


def default_text(field: FieldInfo) -> str:
    """Return the default as a user would type it; ``-`` for none, ``required`` if there must be a value."""
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=True, validated_data={})
    if isinstance(default, bool):
        return str(default).lower()
    if default is None or default in ({}, ()):
        return "-"
    if isinstance(default, tuple):
        return ", ".join(map(str, default))
    return f"{default:g}" if isinstance(default, float) else str(default)


def nested_model(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a section, or None for a leaf."""
    annotation = without_none(field.annotation)
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def options_of(model: type[BaseModel]) -> list[dict[str, str]]:
    """Return name, type, default and description of every field."""
    return [
        {
            "name": written_name(name, field),
            "type": type_text(field),
            "default": default_text(field),
            "description": field.description or "",
        }
        for name, field in model.model_fields.items()
    ]


def without_none(annotation: Any) -> Any:
    """Return ``X`` for ``X | None``, anything else as it is."""
    if get_origin(annotation) in {Union, UnionType}:
        kept = [item for item in get_args(annotation) if item is not NoneType]
        if len(kept) == 1:
            return kept[0]
    return annotation


def _name(annotation: Any) -> str:
    arguments = get_args(annotation)
    origin = get_origin(annotation)
    if origin is Literal:
        return "|".join(map(str, arguments))
    if origin in {Union, UnionType}:
        return "|".join(map(_name, arguments))
    if isinstance(origin, type) and issubclass(origin, tuple | list | set | frozenset):
        return f"{_name(arguments[0])}+..."
    if isinstance(origin, type) and hasattr(origin, "keys"):
        return "name:value+..."
    if hasattr(annotation, "__metadata__"):
        return _name(arguments[0])
    return _WORDS.get(annotation, getattr(annotation, "__name__", str(annotation)))
