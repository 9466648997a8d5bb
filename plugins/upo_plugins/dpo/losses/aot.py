"""Alignment via Optimal Transport: losses of sorted values, so of the whole batch at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_plugins.dpo.losses.sigmoid import sigmoid_loss

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["aot_loss"]


def aot_loss(upper_B: Tensor, lower_B: Tensor, beta: float, label_smoothing: float = 0.0) -> Tensor:
    """Return the logistic loss of ``sort(u) − sort(v)``, shape [B]: the i-th item belongs to the i-th quantile.

    Paired: ``u = log π_w − log π_l``, ``v = log ρ_w − log ρ_l``. Unpaired: ``u = r_w``, ``v = r_l`` with
    ``r = log π − log ρ``. The policy is asked to dominate stochastically, in distribution and not pair by pair.
    Melnyk et al., 2024 (arXiv 2406.05882).
    """
    return sigmoid_loss(upper_B.sort().values - lower_B.sort().values, beta, label_smoothing)
