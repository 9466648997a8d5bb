"""What every section of a configuration shares."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel, ConfigDict, model_validator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic.fields import FieldInfo

__all__ = ["PathSection", "Section", "as_mapping", "written_name"]


class Section(BaseModel):
    """A frozen group of settings; an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True, allow_inf_nan=False
    )


class PathSection(Section):
    """A section of which a bare string, or a list, is the ``path``."""

    @model_validator(mode="before")
    @classmethod
    def _accept_path(cls, value: Any) -> Any:
        return as_mapping(value)


def as_mapping(value: Any) -> Any:
    """Return the settings that a bare path, or a list of paths, stands for; anything else as it is."""
    if isinstance(value, list | tuple):
        return {"path": [str(path) for path in cast("Sequence[Any]", value)]}
    return {"path": str(value)} if isinstance(value, str | Path) else value


def written_name(name: str, field: FieldInfo) -> str:
    """Return how a field is written in files and on the command line: its alias, such as ``lambda``, or its name."""
    return str(field.validation_alias or name)
