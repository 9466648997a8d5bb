"""Options of the ``orpo`` objective."""

from __future__ import annotations

from pydantic import Field

from upo_plugins.sft.options import Average
from upo_sdk.objectives import Options

__all__ = ["ORPOOptions"]


class ORPOOptions(Options):
    """Options of the ``orpo`` objective; ``beta`` is TRL's name of the paper's λ."""

    beta: float = Field(default=0.1, ge=0, description="Weight of the odds ratio beside the likelihood; the paper's λ.")
    average: Average = "response"
