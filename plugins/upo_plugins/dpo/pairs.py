"""What the losses of the family read of a batch, one value per pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_plugins.dpo.f_divergence import f_divergence_score
from upo_plugins.dpo.length_desensitized import length_desensitized_sum_N, shared_lengths_N

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.dpo.options import DPOOptions
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["Pairs", "read_pairs"]


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
