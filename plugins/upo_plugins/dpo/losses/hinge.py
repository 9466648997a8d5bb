"""The hinge loss of SLiC, on log-probs relative to the reference as RSO has it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["hinge_loss"]


def hinge_loss(difference_B: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return ``(1−ε) max(0, 1 − βΔ) + ε max(0, 1 + βΔ)``, shape [B].

    Liu et al., 2023 (RSO, arXiv 2309.06657), whose "hinge-norm" this is: SLiC-HF (Zhao et al., 2023, arXiv 2305.10425)
    has the hinge on the policy's log-probs alone, RSO puts those relative to the reference in their place.
    """
    kept = F.relu(1 - beta * difference_B)
    if label_smoothing == 0.0:
        return kept
    return (1 - label_smoothing) * kept + label_smoothing * F.relu(1 + beta * difference_B)
