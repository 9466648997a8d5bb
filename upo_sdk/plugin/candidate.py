"""One entry point of one distribution, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["BUILTIN_DISTRIBUTION", "PluginCandidate"]

BUILTIN_DISTRIBUTION = "upo-sdk"

Status = Literal["allowed", "blocked", "refused", "shadowed", "loaded", "failed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCandidate:
    """One entry point of one distribution.

    Attributes:
        status: ``allowed`` to load, ``blocked`` by policy, ``refused`` because two distributions claim the name,
            ``shadowed`` by another installation of the same distribution, ``loaded``, or ``failed``: its installation
            is broken, it is for another version, or loading it went wrong.
        reason: Why, in words.
        fix: What to type where nothing was loaded because the installation is broken.
    """

    name: str
    module: str
    distribution: str
    version: str
    entry_point: EntryPoint
    status: Status
    reason: str
    fix: str = ""

    @property
    def builtin(self) -> bool:
        """Whether it ships with the SDK."""
        return self.distribution == BUILTIN_DISTRIBUTION

    @property
    def origin(self) -> str:
        """``NAME VERSION`` of the distribution it comes from."""
        return f"{self.distribution} {self.version}".rstrip()
