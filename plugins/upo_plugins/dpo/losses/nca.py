"""Noise Contrastive Alignment for a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["nca_pair_loss"]


def nca_pair_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``−log σ(βr_w) − ½ log σ(−βr_w) − ½ log σ(−βr_l)``, shape [B]; ``r = log π − log ρ``.

    Chen et al., 2024 (arXiv 2402.05369), the pairwise form of NCA.
    """
    noise_B = F.logsigmoid(-beta * chosen_B) + F.logsigmoid(-beta * rejected_B)
    return -F.logsigmoid(beta * chosen_B) - 0.5 * noise_B
