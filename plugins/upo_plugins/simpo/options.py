"""Options of the ``simpo`` objective."""

from __future__ import annotations

from pydantic import Field

from upo_sdk.objectives import Options

__all__ = ["SimPOOptions"]


class SimPOOptions(Options):
    """Options of the ``simpo`` objective; defaults are those of the authors' code."""

    beta: float = Field(default=2.0, gt=0, description="Scale β of the mean log-prob per token.")
    gamma: float = Field(default=0.5, ge=0, description="Target margin γ between β times the mean log-probs.")
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5, description="Assumed fraction of wrong labels.")
