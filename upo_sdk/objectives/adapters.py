"""From a plain function to an auxiliary objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.objectives.protocol import Needs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from upo_sdk.objectives.batch import Completion

__all__ = ["FunctionObjective"]


class FunctionObjective:
    """An auxiliary objective made from ``score(prompt, response) -> float``."""

    needs = Needs()

    def __init__(self, score: Callable[[str, str], float]) -> None:
        self.score = score

    def setup(self, device: str, /) -> None:
        """Nothing to load."""

    def close(self) -> None:
        """Nothing to release."""

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Score one completion after the other."""
        return [self.score(completion.prompt, completion.response) for completion in completions]
