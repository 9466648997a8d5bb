"""The hinge loss of SLiC."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["hinge_loss"]


def hinge_loss(difference_B: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return ``(1−ε) max(0, 1 − βΔ) + ε max(0, 1 + βΔ)``, shape [B]. Zhao et al., 2023 (SLiC-HF, arXiv 2305.10425)."""
    kept = F.relu(1 - beta * difference_B)
    if label_smoothing == 0.0:
        return kept
    return (1 - label_smoothing) * kept + label_smoothing * F.relu(1 + beta * difference_B)
