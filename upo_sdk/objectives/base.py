"""What an objective and its options derive from; the list type that both YAML and the command line can spell."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

__all__ = ["BaseObjective", "NameList", "Options"]


class BaseObjective:
    """A base for objectives that have nothing to load or nothing to release; an objective need not derive from it."""

    def setup(self, device: str, /) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to release."""


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
