"""The ``question`` objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.objectives import BaseObjective, Needs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_example.options import QuestionOptions
    from upo_sdk.objectives import Completion


class Question(BaseObjective):
    """1 if the response ends with the mark, else the share of its sentences that do."""

    needs = Needs()

    def __init__(self, options: QuestionOptions) -> None:
        self.options = options

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Score each response."""
        return [self._reward(completion.response) for completion in completions]

    def _reward(self, response: str) -> float:
        if response.rstrip().endswith(self.options.mark):
            return 1.0
        return response.count(self.options.mark) / (1 + response.count(".") + response.count(self.options.mark))
