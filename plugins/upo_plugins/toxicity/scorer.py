"""What every toxicity scorer offers to the objective."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Scorer"]


class Scorer(Protocol):
    """A classifier that gives every text one probability per label."""

    @property
    def labels(self) -> tuple[str, ...]:
        """Its labels, in the order of :meth:`probabilities`."""
        ...

    @property
    def fingerprint(self) -> Mapping[str, str]:
        """What identifies it: ``scorer``, ``weights_sha256``, and whatever else its probabilities depend on."""
        ...

    def probabilities(self, texts: Sequence[str], /) -> list[list[float]]:
        """Return one row per text with one probability per label, each in [0, 1]."""
        ...
