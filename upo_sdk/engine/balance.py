"""The γ with which a sum of weights means the same at the start of every run: ``scale: balanced``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch

from upo_sdk.engine.advantage import expectile
from upo_sdk.engine.unified_loss import UnifiedLoss
from upo_sdk.engine.weighting import mean_shares
from upo_sdk.errors import TrainingError
from upo_sdk.objectives import TokenLogps

if TYPE_CHECKING:
    from torch import Tensor

    from upo_sdk.config import LossConfig
    from upo_sdk.engine.terms import AuxiliaryBatch, UnifiedOutput
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["Balance", "balance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """How hard the two terms pull on a response's log-prob at the start.

    Attributes:
        gamma: The γ that makes the auxiliary term's pull ``ratio`` times the preference term's.
        ratio: ``Σ_k w_k`` over the auxiliary objectives.
        preference_pull: The pull of the preference term; ``β`` for DPO, ``β/4`` for KTO.
        auxiliary_pull: The pull of the auxiliary term with γ = 1.
        mean_weight: Mean of the advantage weights ``exp(λA)``.
        ess: Their effective sample size, as a share of the responses.
    """

    gamma: float
    ratio: float
    preference_pull: float
    auxiliary_pull: float
    mean_weight: float
    ess: float


def balance(
    unified: UnifiedLoss,
    preference: PreferenceBatch,
    auxiliary: AuxiliaryBatch,
    *,
    sample_weight_N: Tensor | None = None,
) -> Balance:
    """Find γ from a sample of the data, in one batch of N responses, with the policy as it is before training.

    With ``G_nt = N ∂L/∂log π(y_nt)``, the pull of a term is the root mean square, over the responses, of that over a
    response's tokens::

        pull(L) = sqrt( (1/N) Σ_n (1/|y_n|) Σ_t G_nt² )

    That is the gradient by ``log π(y_n|x_n)`` for every loss of sums or means over a response. Then
    ``γ = Σ_k w_k · pull(L_Ψ) / pull(L_actor)``, so that ``pull(γ L_actor) = Σ_k w_k · pull(L_Ψ)``. Autograd measures
    both on the losses themselves, whatever the preference objective, the length normalisation and the cap. Row weights
    count as copies of the row would.

    The learned baseline stands at the constant it is drawn to before the gate opens, the expectile of R; the schedule
    of a weight counts as 1. Example::

        unified = UnifiedLoss(preference_terms, auxiliary_terms, LossConfig(scale="balanced"), hidden_size=768)
        unified.config = unified.config.with_gamma(balance(unified, preference_batch, auxiliary_batch).gamma)

    Args:
        unified: The terms, λ, τ and the baseline; neither its γ nor its value head is read.
        preference: Log-probs and labels. The policy's log-probs need no graph.
        auxiliary: Rewards, and the baseline from the data if there is one.
        sample_weight_N: How much each response counts.

    Raises:
        TrainingError: One of the terms has no finite gradient, so there is nothing to measure.
    """
    share_N = mean_shares(preference.policy.sum_N().detach(), sample_weight_N)
    if unified.config.baseline == "value":
        auxiliary = _with_constant_baseline(auxiliary, unified, share_N)
    out = _at_the_start(unified, preference, auxiliary, sample_weight_N)
    assert out.gradients is not None  # noqa: S101 - it was asked for
    parts_MNT, split = out.gradients.gradient_MNT, out.gradients.preference
    mask_NT = preference.policy.mask_NT
    pull, auxiliary_pull = (
        _pull(parts_MNT[which].sum(0), mask_NT, share_N) for which in (slice(split), slice(split, None))
    )
    ratio = sum(term.weight for term in unified.auxiliary)
    return Balance(
        gamma=_gamma(ratio, pull, auxiliary_pull),
        ratio=ratio,
        preference_pull=pull,
        auxiliary_pull=auxiliary_pull,
        mean_weight=float(out.metrics["advantage/mean_weight"]),
        ess=float(out.metrics["advantage/ess"]),
    )


def _with_constant_baseline(auxiliary: AuxiliaryBatch, unified: UnifiedLoss, share_N: Tensor) -> AuxiliaryBatch:
    rewards_NK = auxiliary.rewards_NK
    rewards_N = rewards_NK @ rewards_NK.new_tensor([term.weight for term in unified.auxiliary])
    constant = expectile(rewards_N, unified.config.expectile, share_N.to(rewards_N.dtype))
    return replace(auxiliary, baseline_P=constant.expand(int(auxiliary.prompt_N.max()) + 1))


def _at_the_start(
    unified: UnifiedLoss, preference: PreferenceBatch, auxiliary: AuxiliaryBatch, sample_weight_N: Tensor | None
) -> UnifiedOutput:
    """Evaluate the loss with γ = 1, an open gate and full weights, with its gradient in parts."""
    config: LossConfig = unified.config.with_gamma(1.0).model_copy(update={"gate_steps": 0})
    plain = UnifiedLoss(
        [replace(term, schedule=None) for term in unified.preference],
        [replace(term, schedule=None) for term in unified.auxiliary],
        config,
    )
    with torch.enable_grad():
        policy = TokenLogps(preference.policy.logps_NT.detach().clone().requires_grad_(), preference.policy.mask_NT)
        batch = replace(preference, policy=policy)
        out: UnifiedOutput = plain(batch, auxiliary, step=0, sample_weight_N=sample_weight_N, gradients=True)
    return out


def _pull(gradient_NT: Tensor, mask_NT: Tensor, share_N: Tensor) -> float:
    """Return ``sqrt( Σ_n s_n mean_t (g_nt / s_n)² )``, ``s_n`` being what the response counts in a mean."""
    mean_N = gradient_NT.cpu().double().square().sum(-1) / mask_NT.cpu().sum(-1).clamp(min=1)
    shares_N = share_N.cpu().double()
    counted_N = shares_N > 0
    return float((mean_N[counted_N] / shares_N[counted_N]).sum().sqrt())


def _gamma(ratio: float, preference_pull: float, auxiliary_pull: float) -> float:
    for name, pull in (("preference", preference_pull), ("auxiliary", auxiliary_pull)):
        if not 0 < pull < float("inf"):
            raise TrainingError(
                f"the gradient of the {name} term is {pull:g} at the start, so there is nothing to balance",
                where="loss.scale",
                fix="use --scale paper with a --gamma of your choice",
            )
    return ratio * preference_pull / auxiliary_pull
