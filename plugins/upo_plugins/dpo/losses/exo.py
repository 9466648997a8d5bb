"""Efficient Exact Optimization for a pair."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["exo_pair_loss"]


def exo_pair_loss(difference_B: Tensor, beta: float, label_smoothing: float) -> Tensor:
    """Return ``KL(q ‖ p)`` with ``q = (σ(βΔ), σ(−βΔ))`` and ``p = (1−ε, ε)``, shape [B]; ``ε > 0``.

    Ji et al., 2024 (arXiv 2402.00856), equation 16 for two responses.
    """
    margin_B = beta * difference_B
    chosen_B = torch.sigmoid(margin_B) * (F.logsigmoid(margin_B) - math.log1p(-label_smoothing))
    rejected_B = torch.sigmoid(-margin_B) * (F.logsigmoid(-margin_B) - math.log(label_smoothing))
    return chosen_B + rejected_B
