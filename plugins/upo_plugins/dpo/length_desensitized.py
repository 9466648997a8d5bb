"""LD-DPO: the tokens by which the longer response of a pair exceeds the shorter count less."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from upo_sdk.objectives import TokenLogps

__all__ = ["length_desensitized_sum_N", "shared_lengths_N"]


def shared_lengths_N(lengths_N: Tensor, chosen_B: Tensor, rejected_B: Tensor) -> Tensor:
    """Return the length of the shorter response of each completion's pair, shape [N]."""
    shared_B = torch.minimum(lengths_N[chosen_B], lengths_N[rejected_B])
    shared_N = lengths_N.clone()
    shared_N[chosen_B] = shared_B
    shared_N[rejected_B] = shared_B
    return shared_N


def length_desensitized_sum_N(logps: TokenLogps, shared_N: Tensor, alpha: float) -> Tensor:
    """Return ``Σ_{t ≤ l} log p_t + α Σ_{t > l} log p_t``, shape [N], with ``l`` the shared length of the pair.

    Liu et al., 2024 (LD-DPO, arXiv 2409.06411).
    """
    beyond_NT = logps.mask_NT.cumsum(-1) > shared_N.unsqueeze(-1)
    kept_NT = logps.logps_NT.masked_fill(~logps.mask_NT, 0.0)
    return torch.where(beyond_NT, alpha * kept_NT, kept_NT).sum(-1)
