"""What every section of a configuration shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

__all__ = ["Section", "written_name"]


class Section(BaseModel):
    """A frozen group of settings; an unknown key is an error."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, validate_by_name=True, validate_by_alias=True, allow_inf_nan=False
    )


def written_name(name: str, field: FieldInfo) -> str:
    """Return how a field is written in files and on the command line: its alias, such as ``lambda``, or its name."""
    return str(field.validation_alias or name)
