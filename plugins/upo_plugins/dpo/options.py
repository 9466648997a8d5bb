"""Options of the ``dpo`` objective."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from upo_sdk.objectives import Options

__all__ = ["DPOOptions"]


class DPOOptions(Options):
    """Options of the ``dpo`` objective."""

    beta: float = Field(default=0.1, gt=0, description="Strength β of the pull towards the reference model.")
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="Assumed share of flipped labels (cDPO); sigmoid and hinge only."
    )
    loss_type: Literal["sigmoid", "ipo", "hinge"] = Field(
        default="sigmoid", description="Which member of the family: sigmoid (DPO), ipo (IPO) or hinge (SLiC)."
    )
