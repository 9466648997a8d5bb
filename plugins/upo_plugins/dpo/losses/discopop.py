"""DiscoPOP: a loss that a language model proposed and experiments selected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["discopop_loss"]

_LARGEST_EXPONENT = 80.0  # keeps e^x finite in fp32, where the blend gives it weight zero anyway


def discopop_loss(difference_B: Tensor, beta: float, tau: float) -> Tensor:
    """Return ``(1−m)·(−log σ(βΔ)) + m·exp(−βΔ)`` with ``m = σ(βΔ/τ)``, shape [B].

    Lu et al., 2024 (arXiv 2406.08414), equation 5. Neither convex nor monotonic: at ``Δ = 0`` and the paper's
    ``τ = .05`` it rises with Δ, so that a policy equal to its reference first moves away from the label.
    """
    margin_B = beta * difference_B
    blend_B = torch.sigmoid(margin_B / tau)
    exponential_B = torch.exp((-margin_B).clamp(max=_LARGEST_EXPONENT))
    return -F.logsigmoid(margin_B) * (1 - blend_B) + exponential_B * blend_B
