"""Binary Classifier Optimization for a pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["bco_pair_loss"]


def bco_pair_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``−log σ(βr_w) − log σ(−βr_l)``, shape [B]; ``r = log π − log ρ``.

    Jung et al., 2024 (arXiv 2404.04656), for pairs and without the reward shift δ, as in TRL's ``bco_pair``.
    """
    return -F.logsigmoid(beta * chosen_B) - F.logsigmoid(-beta * rejected_B)
