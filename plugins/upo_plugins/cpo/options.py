"""Options of the ``cpo`` objective."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from upo_plugins.sft.options import Average
from upo_sdk.objectives import Options

__all__ = ["CPOLossType", "CPOOptions"]

CPOLossType = Literal["sigmoid", "hinge", "ipo", "simpo"]


class CPOOptions(Options):
    """Options of the ``cpo`` objective; names and defaults are TRL's, but for ``average``."""

    beta: float = Field(default=0.1, gt=0, description="Scale β of the contrast.")
    loss_type: CPOLossType = Field(
        default="sigmoid",
        description="The contrast:\nsigmoid: CPO\nhinge: SLiC\nipo: squared, of mean log-probs\n"
        "simpo: CPO-SimPO, of mean log-probs with a margin",
    )
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=0.5, description="Assumed fraction of wrong labels; not for hinge and ipo."
    )
    cpo_alpha: float = Field(default=1.0, ge=0, description="Weight of the likelihood of the chosen response.")
    simpo_gamma: float = Field(
        default=0.5, ge=0, description="simpo: target margin γ between β times the mean log-probs."
    )
    average: Average = "response"

    @model_validator(mode="after")
    def _check_owner(self) -> Self:
        if self.label_smoothing and self.loss_type in {"hinge", "ipo"}:
            raise ValueError(f"label_smoothing has no meaning for loss_type={self.loss_type}: drop it")
        if self.loss_type != "simpo" and self.simpo_gamma != type(self).model_fields["simpo_gamma"].default:
            raise ValueError("simpo_gamma belongs to loss_type=simpo: add it, or drop simpo_gamma")
        return self
