"""What most objectives need no code for."""

from __future__ import annotations

__all__ = ["BaseObjective"]


class BaseObjective:
    """A base for objectives that have nothing to load or nothing to release; an objective need not derive from it."""

    def setup(self, device: str, /) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to release."""
