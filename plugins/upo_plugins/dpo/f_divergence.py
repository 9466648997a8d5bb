"""Scores of a response under other divergences than the reverse KL."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.dpo.loss_types import FDivergence

__all__ = ["f_divergence_score"]

_LARGEST_EXPONENT = 80.0  # keeps e^x finite in fp32, as TRL does for alpha_divergence


def f_divergence_score(log_ratio_N: Tensor, divergence: FDivergence, alpha: float = 0.5) -> Tensor:
    """Return ``f'(u)`` with ``u = π/ρ``, of the shape of the log-ratios; DPO is the case ``f'(u) = log u``.

    ``reverse_kl``: ``log u``; ``forward_kl``: ``1 − 1/u``; ``js_divergence``: ``log(2u/(1+u))``;
    ``alpha_divergence``: ``(u^(α−1) − 1)/(α−1)``, whose limit α → 1 is ``log u``, and which is ``forward_kl`` at α = 0.
    Wang et al., 2023 (arXiv 2309.16240), whose α is 1 minus this one: they write ``(1 − u^(−α))/α``. This α, and the
    constants that cancel in a difference, are TRL's.
    """
    match divergence:
        case "reverse_kl":
            return log_ratio_N
        case "forward_kl":
            return 1 - torch.exp((-log_ratio_N).clamp(max=_LARGEST_EXPONENT))
        case "js_divergence":
            return math.log(2) + F.logsigmoid(log_ratio_N)
        case "alpha_divergence":
            return _alpha_score(log_ratio_N, alpha - 1)


def _alpha_score(log_ratio_N: Tensor, power: float) -> Tensor:
    if math.isclose(power, 0.0, abs_tol=1e-6):
        return log_ratio_N
    return torch.expm1((power * log_ratio_N).clamp(max=_LARGEST_EXPONENT)) / power
