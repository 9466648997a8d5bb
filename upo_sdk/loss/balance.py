"""The γ with which a sum of weights means the same at the start of every run: ``scale: balanced``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from upo_sdk.errors import TrainingError
from upo_sdk.loss.advantage import expectile, mean_shares
from upo_sdk.loss.unified_loss import UnifiedLoss
from upo_sdk.objectives import TokenLogps
from upo_sdk.records import Balance

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import Tensor

    from upo_sdk.loss.terms import AuxiliaryBatch, UnifiedOutput
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["Balance", "balance"]


def balance(
    unified: UnifiedLoss,
    preference: PreferenceBatch,
    auxiliary: AuxiliaryBatch,
    *,
    sample_weight_N: Tensor | None = None,
    constant: Collection[str] = (),
) -> Balance:
    """Find γ from a sample of the data, in one batch of N responses, with the policy as it is before training.

    With ``G_nt = N ∂L/∂log π(y_nt)``, the pull of a term is the root mean square, over the responses, of that over a
    response's tokens::

        pull(L) = sqrt( (1/N) Σ_n (1/|y_n|) Σ_t G_nt² )

    That is the gradient by ``log π(y_n|x_n)`` for every loss of sums or means over a response. Then
    ``γ = Σ_k w_k · pull(L_Ψ) / pull(L_actor)``, so that ``pull(γ L_actor) = Σ_k w_k · pull(L_Ψ)``. Autograd measures
    both on the losses themselves, whatever the preference objective, the length normalisation and the cap. Row weights
    count as copies of the row would.

    With ``length_normalization: auto`` the auxiliary term depends on the length as the preference term does: per token
    if the preference term's pull falls with the length at least like ``|y|^(−1/2)``, as for losses of means, else per
    sequence. Otherwise one of the two would win in short responses and the other in long ones.

    The learned baseline stands at the constant it is drawn to before the gate opens, the expectile of R; the schedule
    of a weight counts as 1. Example::

        unified = UnifiedLoss(preference_terms, auxiliary_terms, LossConfig(scale="balanced"), hidden_size=768)
        unified.config = balance(unified, preference_batch, auxiliary_batch).applied_to(unified.config)

    Args:
        unified: The terms, λ, τ and the baseline; neither its γ nor its value head is read.
        preference: Log-probs and labels. The policy's log-probs need no graph.
        auxiliary: Rewards, and the baseline from the data if there is one.
        sample_weight_N: How much each response counts.
        constant: Labels of objectives whose reward never varies: they prefer nothing, so their weights are not asked to
            pull. If it is all of them, γ is 0.

    Raises:
        TrainingError: One of the terms has no finite gradient, so there is nothing to measure.
    """
    share_N = mean_shares(preference.policy.sum_N().detach(), sample_weight_N)
    if unified.config.baseline == "value":
        auxiliary = _with_constant_baseline(auxiliary, unified, share_N)
    loss_N, actor_N, out = _at_the_start(unified, preference, auxiliary, sample_weight_N, share_N)
    lengths_N = preference.policy.lengths_N().cpu()
    normalization = unified.config.length_normalization
    if normalization == "auto":
        normalization = "token-mean" if _falls_with_length(loss_N, lengths_N) else "sum"
    if normalization == "sum":
        actor_N = actor_N * lengths_N
    shares_N = share_N.cpu().double()
    pull, auxiliary_pull = (float((shares_N * pull_N.square()).sum().sqrt()) for pull_N in (loss_N, actor_N))
    ratio = float(sum(term.weight for term in unified.auxiliary if term.label not in constant))
    return Balance(
        gamma=_gamma(ratio, pull, auxiliary_pull),
        normalization=normalization,
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
    unified: UnifiedLoss,
    preference: PreferenceBatch,
    auxiliary: AuxiliaryBatch,
    sample_weight_N: Tensor | None,
    share_N: Tensor,
) -> tuple[Tensor, Tensor, UnifiedOutput]:
    """Return the pulls of both terms per response, with γ = 1, full weights and the actor term per token."""
    plain = UnifiedLoss(
        [replace(term, schedule=None) for term in unified.preference],
        [replace(term, schedule=None) for term in unified.auxiliary],
        unified.config.balanced(1.0, "token-mean").model_copy(update={"gate_steps": 0}),
    )
    with torch.enable_grad():
        policy = TokenLogps(preference.policy.logps_NT.detach().clone().requires_grad_(), preference.policy.mask_NT)
        batch = replace(preference, policy=policy)
        out: UnifiedOutput = plain(batch, auxiliary, step=0, sample_weight_N=sample_weight_N, gradients=True)
    assert out.gradients is not None  # noqa: S101 - it was asked for
    parts_MNT, split = out.gradients.gradient_MNT, out.gradients.preference
    pulls = [_pulls(part_MNT.sum(0), policy.mask_NT, share_N) for part_MNT in (parts_MNT[:split], parts_MNT[split:])]
    return pulls[0], pulls[1], out


def _pulls(gradient_NT: Tensor, mask_NT: Tensor, share_N: Tensor) -> Tensor:
    """Return ``sqrt( mean_t (g_nt / s_n)² )`` per response, ``s_n`` being what it counts in a mean; 0 if nothing."""
    mean_N = gradient_NT.cpu().double().square().sum(-1) / mask_NT.cpu().sum(-1).clamp(min=1)
    shares_N = share_N.cpu().double()
    return torch.where(shares_N > 0, mean_N.sqrt() / shares_N.masked_fill(shares_N == 0, 1), 0)


def _falls_with_length(pull_N: Tensor, lengths_N: Tensor) -> bool:
    """Return whether ``log pull`` falls by more than half of what ``log |y|`` rises; also if lengths do not vary."""
    counted_N = (pull_N > 0) & (lengths_N > 0)
    x_N, y_N = lengths_N[counted_N].double().log(), pull_N[counted_N].log()
    deviation_N = x_N - x_N.mean()
    return bool((deviation_N * y_N).sum() <= -0.5 * deviation_N.square().sum())


def _gamma(ratio: float, preference_pull: float, auxiliary_pull: float) -> float:
    for name, pull in (("preference", preference_pull), ("auxiliary", auxiliary_pull)):
        if not 0 < pull < float("inf"):
            raise TrainingError(
                f"the gradient of the {name} term is {pull:g} at the start, so there is nothing to balance",
                where="`loss.scale`",
                fix="use `loss.scale=paper` with a `loss.gamma` of your choice",
            )
    return ratio * preference_pull / auxiliary_pull
