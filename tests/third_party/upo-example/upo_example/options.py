"""Options of the ``question`` objective."""

from __future__ import annotations

from pydantic import Field

from upo_sdk.objectives import Options


class QuestionOptions(Options):
    """Options of the ``question`` objective."""

    mark: str = Field(default="?", min_length=1, description="What the answer should end with.")
