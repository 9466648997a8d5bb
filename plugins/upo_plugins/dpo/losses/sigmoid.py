"""The logistic losses: DPO, its conservative and its robust form."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["robust_loss", "sigmoid_loss"]


def sigmoid_loss(difference_B: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return ``−(1−ε) log σ(βΔ) − ε log σ(−βΔ)``, shape [B].

    ``Δ = (log π_w − log π_l) − (log ρ_w − log ρ_l)``. Rafailov et al., 2023 (arXiv 2305.18290), equation 7; ``ε > 0``
    is the conservative form (cDPO) of Mitchell, 2023. With log-ratios averaged over tokens it is ``sigmoid_norm``
    (Lambert et al., 2024, Tülu 3, arXiv 2411.15124).
    """
    kept = -F.logsigmoid(beta * difference_B)
    if label_smoothing == 0.0:
        return kept
    return (1 - label_smoothing) * kept - label_smoothing * F.logsigmoid(-beta * difference_B)


def robust_loss(difference_B: Tensor, beta: float, label_smoothing: float) -> Tensor:
    """Return ``[−(1−ε) log σ(βΔ) + ε log σ(−βΔ)] / (1 − 2ε)``, shape [B].

    If a share ε of the labels is flipped, its expectation is the loss of the clean labels; it is not bounded below.
    Chowdhury et al., 2024 (arXiv 2403.00409).
    """
    kept, flipped = -F.logsigmoid(beta * difference_B), -F.logsigmoid(-beta * difference_B)
    return ((1 - label_smoothing) * kept - label_smoothing * flipped) / (1 - 2 * label_smoothing)
