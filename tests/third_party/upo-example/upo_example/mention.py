"""The ``mention`` objective, options and all: ``mention:WORD`` rewards answers that name a thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from upo_sdk.objectives import BaseObjective, Needs, Options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Completion


class MentionOptions(Options):
    """Options of the ``mention`` objective."""

    word: str = Field(default="yes", min_length=1, description="What the answer should name.")


class Mention(BaseObjective):
    """1 if the response has the word, else 0."""

    needs = Needs()

    def __init__(self, options: MentionOptions) -> None:
        self.options = options

    def rewards(self, completions: Sequence[Completion], /) -> list[float]:
        """Score each response."""
        return [float(self.options.word in completion.response) for completion in completions]
