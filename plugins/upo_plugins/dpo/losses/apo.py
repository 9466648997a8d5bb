"""Anchored Preference Optimization: which way each response moves is fixed, not only their difference."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["apo_down_loss", "apo_zero_loss"]


def apo_zero_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``1 − σ(βr_w) + σ(βr_l)``, shape [B]; ``r = log π − log ρ``.

    For data better than the model: chosen up, rejected down. D'Oosterlinck et al., 2024 (arXiv 2408.06266), equation 7.
    """
    return 1 - torch.sigmoid(beta * chosen_B) + torch.sigmoid(beta * rejected_B)


def apo_down_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``σ(βr_w) + 1 − σ(β(r_w − r_l))``, shape [B]; ``r = log π − log ρ``.

    For data worse than the model: both down, rejected more. D'Oosterlinck et al., 2024 (arXiv 2408.06266), equation 8.
    """
    return torch.sigmoid(beta * chosen_B) + 1 - torch.sigmoid(beta * (chosen_B - rejected_B))
