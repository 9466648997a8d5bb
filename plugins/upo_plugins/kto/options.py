"""Options of the ``kto`` objective."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from upo_sdk.objectives import Options

__all__ = ["KTOOptions"]


class KTOOptions(Options):
    """Options of the ``kto`` objective; names and defaults are TRL's."""

    beta: float = Field(
        default=0.1, gt=0, description="Strength β with which the policy is kept near the reference model."
    )
    desirable_weight: float = Field(default=1.0, ge=0, description="Weight of desirable completions.")
    undesirable_weight: float = Field(default=1.0, ge=0, description="Weight of undesirable completions.")
    loss_type: Literal["kto", "apo_zero_unpaired"] = Field(
        default="kto",
        description="The loss:\nkto: KTO, measured from the batch's KL\n"
        "apo_zero_unpaired: APO, measured from zero, so independent of the batch",
    )
