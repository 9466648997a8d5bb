"""What a tracker receives about the run that it records."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Literal

    Notify = Callable[[Literal["info", "warning"], str], None]

__all__ = ["PROJECT", "TrackedRun"]

PROJECT = "upo"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """Where and under which name a tracker records a run.

    Attributes:
        folder: The run folder; files go into a folder in it.
        step: The step that the run starts from; positive if it is resumed.
        config: The run's configuration, without secrets.
        notify: Takes a level and a text for the user.
    """

    folder: Path
    name: str
    step: int
    config: Mapping[str, Any]
    notify: Notify
