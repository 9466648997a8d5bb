"""Small batches of pairs with known log-probs, and parts and variants of them, as the engine would hand them over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from upo_sdk.objectives import PreferenceBatch, TokenLogps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Needs

__all__ = ["Pairs"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Log-probs of pairs; completion 2b is the chosen one of pair b, completion 2b + 1 the rejected one.

    Attributes:
        policy_NT: Log-probs under the policy.
        reference_NT: Log-probs under the reference.
        mask_NT: Which positions are response tokens.
        kl: The KL estimate of the whole batch, which the engine shares between micro-batches and ranks.
    """

    policy_NT: Tensor
    reference_NT: Tensor
    mask_NT: Tensor
    kl: Tensor

    @classmethod
    def sample(cls, count: int = 4, longest: int = 7, *, seed: int = 0) -> Pairs:
        """Return pairs of responses of one to ``longest`` tokens, policy and reference half a nat per token apart."""
        generator = torch.Generator().manual_seed(seed)
        reference_NT = -0.1 - 2.0 * torch.rand(2 * count, longest, generator=generator)
        policy_NT = (reference_NT + torch.rand(2 * count, longest, generator=generator) - 0.5).clamp(max=-0.01)
        lengths_N = torch.randint(1, longest + 1, (2 * count,), generator=generator)
        lengths_N[0] = longest
        mask_NT = torch.arange(longest) < lengths_N.unsqueeze(-1)
        return cls(policy_NT=policy_NT, reference_NT=reference_NT, mask_NT=mask_NT, kl=torch.tensor(0.3))

    @property
    def count(self) -> int:
        """Number of pairs."""
        return len(self.mask_NT) // 2

    def batch(
        self, needs: Needs, *, pairs: Sequence[int] | None = None, completions: Sequence[int] | None = None
    ) -> PreferenceBatch:
        """Return a batch with what is needed and nothing else, padded to its own longest response.

        Args:
            needs: What the objective asks for.
            pairs: Which pairs; all by default.
            completions: Make unpaired data of these completions instead.
        """
        chosen = range(self.count) if pairs is None else pairs
        rows = [row for pair in chosen for row in (2 * pair, 2 * pair + 1)] if completions is None else completions
        index_N = torch.tensor(list(rows))
        mask_NT = self.mask_NT[index_N]
        longest = int(mask_NT.any(0).nonzero().max()) + 1
        first_B = torch.arange(0, len(index_N), 2) if completions is None else None

        def part(logps_NT: Tensor) -> TokenLogps:
            return TokenLogps(logps_NT[index_N, :longest], mask_NT[:, :longest])

        return PreferenceBatch(
            policy=part(self.policy_NT),
            reference=part(self.reference_NT) if needs.reference else None,
            desirable_N=index_N % 2 == 0,
            chosen_B=first_B,
            rejected_B=None if first_B is None else first_B + 1,
            kl=self.kl if needs.kl else None,
        )
