"""WPO: off-policy pairs weighed by how likely the policy finds them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["wpo_weights_B"]


def wpo_weights_B(mean_chosen_B: Tensor, mean_rejected_B: Tensor) -> Tensor:
    """Return ``exp(log π(y_w|x)/|y_w|) · exp(log π(y_l|x)/|y_l|)``, shape [B]; without gradient.

    Zhou et al., 2024 (arXiv 2406.11827), equation 2. The paper's weight alignment, which divides each token's
    probability by ``Σ_v p_v²``, needs the whole next-token distribution and is left out.
    """
    return torch.exp(mean_chosen_B + mean_rejected_B).detach()
