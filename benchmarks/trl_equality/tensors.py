"""Random log-probs of a batch of pairs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["PAIRS", "Tensors", "random_tensors"]

PAIRS, TOKENS = 8, 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Tensors:
    """Log-probs of ``2 · PAIRS`` responses, chosen ones first, under policy and reference; ``kl`` ones mismatched."""

    policy_NT: Tensor
    reference_NT: Tensor
    kl_policy_NT: Tensor
    kl_reference_NT: Tensor
    mask_NT: Tensor


def random_tensors(seed: int) -> Tensors:
    """Return responses of 1 to TOKENS tokens, with a policy that has moved a little from its reference."""
    generator = torch.Generator().manual_seed(seed)

    def logps() -> tuple[Tensor, Tensor]:
        reference_NT = -3 * torch.rand(2 * PAIRS, TOKENS, generator=generator) - 0.05
        moved_NT = reference_NT + 0.3 * torch.randn(2 * PAIRS, TOKENS, generator=generator)
        return moved_NT.clamp(max=-0.01).requires_grad_(), reference_NT

    lengths_N1 = torch.randint(1, TOKENS + 1, (2 * PAIRS, 1), generator=generator)
    (policy_NT, reference_NT), (kl_policy_NT, kl_reference_NT) = logps(), logps()
    return Tensors(
        policy_NT=policy_NT,
        reference_NT=reference_NT,
        kl_policy_NT=kl_policy_NT.detach() + 0.1,  # so that the estimate is positive, not clamped to zero
        kl_reference_NT=kl_reference_NT,
        mask_NT=torch.arange(TOKENS) < lengths_N1,
    )
