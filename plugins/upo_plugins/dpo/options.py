"""Options of the ``dpo`` objective."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from upo_plugins.dpo.loss_types import (
    BATCH_STATISTICS,
    DIFFERENCE_LOSSES,
    MEANINGS,
    SMOOTHED_LOSSES,
    FDivergence,
    LossType,
    resolve_alias,
)
from upo_sdk.objectives import Options

__all__ = ["EXO_SMOOTHING", "DPOOptions"]

EXO_SMOOTHING = 1e-3
"""The ε of the EXO paper; ε = 0 would make its loss infinite."""


class DPOOptions(Options):
    """Options of the ``dpo`` objective; names and defaults are TRL's."""

    beta: float = Field(
        default=0.1, gt=0, description="Strength β with which the policy is kept near the reference model."
    )
    loss_type: Annotated[LossType, BeforeValidator(resolve_alias)] = Field(
        default="sigmoid",
        description="\n".join(["The loss:", *(f"{name}: {text}" for name, text in MEANINGS.items())]),
    )
    label_smoothing: float = Field(
        default=0.0,
        ge=0,
        lt=0.5,
        description="Assumed fraction ε of wrong labels, for sigmoid (cDPO), sigmoid_norm, robust, hinge, aot and "
        "aot_unpaired; for exo_pair its ε, where 0 stands for the paper's 0.001.",
    )
    f_divergence_type: FDivergence = Field(
        default="reverse_kl",
        description="Divergence that keeps the policy near the reference, for losses of a difference: sigmoid, "
        "sigmoid_norm, robust, hinge, ipo, exo_pair and discopop.",
    )
    f_alpha_divergence_coef: float = Field(
        default=0.5,
        ge=0,
        allow_inf_nan=False,
        description="α of alpha_divergence; 1 is reverse_kl, 0 forward_kl. Wang et al. (2309.16240) call 1 minus it α.",
    )
    ld_alpha: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="LD-DPO: weight of the tokens beyond the length of the shorter response; 1 is plain DPO.",
    )
    use_weighting: bool = Field(
        default=False,
        description="WPO: weight each pair by the policy's probability of its two responses; not for aot.",
    )
    discopop_tau: float = Field(default=0.05, gt=0, description="discopop: temperature τ of the blend.")

    @property
    def smoothing(self) -> float:
        """The ε that applies."""
        return EXO_SMOOTHING if self.loss_type == "exo_pair" and not self.label_smoothing else self.label_smoothing

    @model_validator(mode="after")
    def _check_combination(self) -> Self:
        loss = self.loss_type
        if self.label_smoothing and loss not in SMOOTHED_LOSSES:
            raise ValueError(f"label_smoothing has no meaning for loss_type={loss}: drop it")
        if self.f_divergence_type != "reverse_kl" and loss not in DIFFERENCE_LOSSES:
            raise ValueError(
                f"f_divergence_type={self.f_divergence_type} has no meaning for loss_type={loss}, "
                f"only for {', '.join(sorted(DIFFERENCE_LOSSES))}: drop one of the two"
            )
        if self.use_weighting and loss in BATCH_STATISTICS:
            raise ValueError(f"use_weighting cannot weigh the pairs that loss_type={loss} sorts apart: drop one")
        return self

    @model_validator(mode="after")
    def _check_owner(self) -> Self:
        fields = type(self).model_fields
        if self.loss_type != "discopop" and self.discopop_tau != fields["discopop_tau"].default:
            raise ValueError("discopop_tau belongs to loss_type=discopop: add it, or drop discopop_tau")
        if (
            self.f_divergence_type != "alpha_divergence"
            and self.f_alpha_divergence_coef != fields["f_alpha_divergence_coef"].default
        ):
            raise ValueError(
                "f_alpha_divergence_coef belongs to f_divergence_type=alpha_divergence: "
                "add it, or drop f_alpha_divergence_coef"
            )
        return self
