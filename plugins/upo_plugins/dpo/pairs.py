"""What the losses of the family read of a batch, one value per pair."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.dpo.loss_types import FDivergence
    from upo_plugins.dpo.options import DPOOptions
    from upo_sdk.objectives import PreferenceBatch, TokenLogps

__all__ = ["Pairs", "f_divergence_score", "length_desensitized_sum_N", "read_pairs", "shared_lengths_N"]


@dataclass(frozen=True, slots=True)
class Pairs:
    """Values of chosen and rejected responses.

    Attributes:
        chosen_B: Score ``f'(π/ρ)`` of the chosen response; ``log π − log ρ`` under the reverse KL.
        rejected_B: The same of the rejected response.
        mean_difference_B: Difference of the scores, each divided by the number of its response's tokens.
        policy_difference_B: ``log π_w − log π_l``.
        reference_difference_B: ``log ρ_w − log ρ_l``.
        margin_B: The data's margin ``m``, or None.
    """

    chosen_B: Tensor
    rejected_B: Tensor
    mean_difference_B: Tensor
    policy_difference_B: Tensor
    reference_difference_B: Tensor
    margin_B: Tensor | None = None

    @property
    def difference_B(self) -> Tensor:
        """``Δ``, the score of the chosen minus that of the rejected response."""
        return self.chosen_B - self.rejected_B

    def beyond_margin_B(self, beta: float) -> Tensor:
        """``Δ − m/β``, so that the logit is ``βΔ − m``; ``Δ`` without margins."""
        return self.difference_B if self.margin_B is None else self.difference_B - self.margin_B / beta


def read_pairs(batch: PreferenceBatch, options: DPOOptions) -> Pairs:
    """Return the scores of a batch under the chosen divergence and length weighting."""
    assert batch.reference is not None  # noqa: S101 - declared in needs
    assert batch.chosen_B is not None  # noqa: S101 - declared in needs
    assert batch.rejected_B is not None  # noqa: S101 - declared in needs
    lengths_N = batch.policy.lengths_N()
    if options.ld_alpha is None:
        policy_N, reference_N = batch.policy.sum_N(), batch.reference.sum_N()
    else:
        shared_N = shared_lengths_N(lengths_N, batch.chosen_B, batch.rejected_B)
        policy_N = length_desensitized_sum_N(batch.policy, shared_N, options.ld_alpha)
        reference_N = length_desensitized_sum_N(batch.reference, shared_N, options.ld_alpha)
    reference_N = reference_N.detach()
    score_N = f_divergence_score(policy_N - reference_N, options.f_divergence_type, options.f_alpha_divergence_coef)
    return Pairs(
        chosen_B=score_N[batch.chosen_B],
        rejected_B=score_N[batch.rejected_B],
        mean_difference_B=batch.pair_difference_B(score_N / lengths_N.clamp(min=1)),
        policy_difference_B=batch.pair_difference_B(policy_N),
        reference_difference_B=batch.pair_difference_B(reference_N),
        margin_B=batch.margin_B,
    )


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
