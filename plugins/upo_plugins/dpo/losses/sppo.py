"""Self-Play Preference Optimization with hard labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["sppo_hard_loss"]


def sppo_hard_loss(chosen_B: Tensor, rejected_B: Tensor, beta: float) -> Tensor:
    """Return ``(r_w − 1/(2β))² + (r_l + 1/(2β))²``, shape [B]; ``r = log π − log ρ``.

    Wu et al., 2024 (arXiv 2405.00675), equation 4.7 with the probability of winning set to 1 and 0; ``β = 1/η``.
    """
    return (chosen_B - 0.5 / beta) ** 2 + (rejected_B + 0.5 / beta) ** 2
