"""The base class of an objective's typed options, and the list type that both YAML and the command line can spell."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

__all__ = ["NameList", "Options"]


class Options(BaseModel):
    """Typed options of one objective: unknown keys are errors, values are frozen.

    Give every field a default and a ``Field(description=...)``: ``upo objectives show NAME`` prints them.

    Attributes:
        operational: Fields that change how an objective works and not what it returns, such as time-outs. They stay
            out of the key of the score cache.
    """

    operational: ClassVar[frozenset[str]] = frozenset()

    model_config = ConfigDict(extra="forbid", frozen=True)


def _split_plus(value: Any) -> Any:
    return tuple(value.split("+")) if isinstance(value, str) else value


NameList = Annotated[tuple[str, ...], BeforeValidator(_split_plus)]
"""A tuple of names; the text form spells it ``a+b+c``, YAML as a list."""
