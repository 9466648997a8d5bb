"""One finding of the audit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Level"]


class Level(StrEnum):
    """How much attention a finding asks for; the order is that of the report."""

    WARNING = "warning"
    LOOK = "look"
    OK = "ok"
    UNKNOWN = "not measured"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was looked at, what was found, and the number behind it.

    Attributes:
        title: What was looked at, a few words.
        level: How much attention it asks for.
        number: The number that decided; empty if there is none.
        text: One or two plain sentences, with the limits that were applied.
    """

    title: str
    level: Level
    number: str
    text: str


def worst(*levels: Level) -> Level:
    """Return the level that asks for most attention."""
    return min(levels, key=list(Level).index)
