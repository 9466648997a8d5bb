"""Identity Preference Optimization."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ipo_loss"]


def ipo_loss(mean_difference_B: Tensor, beta: float) -> Tensor:
    """Return ``(Δ̄ − 1/(2β))²``, shape [B]; ``Δ̄`` uses log-probs averaged over tokens.

    Azar et al., 2023 (arXiv 2310.12036), equation 17; the averaging is that of the authors' later advice and of TRL.
    """
    return (mean_difference_B - 1 / (2 * beta)) ** 2
