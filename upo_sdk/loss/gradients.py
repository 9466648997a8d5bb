"""How hard each part of the loss pulls on the log-probs, and whether the parts pull together.

The parts are disjoint and add up to the gradient of the whole policy loss: one per preference objective, the plain
likelihood in the actor term, and one per auxiliary objective. ``M`` counts them.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import torch

from upo_sdk.loss.advantage import advantage_weights

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor, nn

    from upo_sdk.config import LossConfig
    from upo_sdk.objectives import TokenLogps

__all__ = [
    "GradientParts",
    "actor_gradients",
    "attribute_weights",
    "gradient_metrics",
    "loss_gradient",
    "parameter_gram",
    "probe",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GradientParts:
    """The gradient of the policy loss by the log-probs, split into the parts of the loss.

    Attributes:
        names: What each part is logged under, such as ``objective/dpo``; the preference objectives come first.
        preference: How many parts are preference objectives; the others make up the actor term.
        gradient_MNT: ``∂(part m)/∂logps_NT``, detached.
        logps_NT: The log-probs, with their graph.
    """

    names: tuple[str, ...]
    preference: int
    gradient_MNT: Tensor
    logps_NT: Tensor

    def gram_MM(self) -> Tensor:
        """Return all inner products ``⟨g_m, g_m'⟩``; those of two micro-batches add up, their log-probs differ."""
        flat = self.gradient_MNT.flatten(1).float()
        return flat @ flat.T


def attribute_weights(
    deviations_NK: Tensor, advantage_N: Tensor, lambda_: float, cap: float | None = None
) -> tuple[Tensor, Tensor]:
    """Split the advantage weights ``exp(λA)`` into plain likelihood [N] and what each auxiliary objective adds [N, K].

    The rewards enter one exponent, so a part of the weight belongs to an objective only by convention. This one is the
    integrated gradient (Aumann-Shapley value; Sundararajan et al., arXiv 1703.01365) on the straight path from "every
    objective gives its mean reward" to the rewards as they are. With ``a_k = w_k (r_k − mean r_k)``, ``S = Σ_k a_k``
    and ``A₀ = A − S``::

        exp(λA) = exp(λA₀) + Σ_k a_k (exp(λA) − exp(λA₀)) / S

    It is exact and adds up, treats all objectives the same, does not depend on their order, and gives nothing to one
    that is off or constant. Leaving one objective out at a time counts what they do together once for each of them.

    Args:
        deviations_NK: ``a_k``, the weighted deviation of each reward from its mean.
        advantage_N: ``A``, the weighted rewards minus the baseline.
        lambda_: ``λ``.
        cap: Upper bound of the exponent, as in :func:`advantage_weights`.
    """
    total_N = deviations_NK.sum(-1)
    start_N, rise_N = lambda_ * (advantage_N - total_N), lambda_ * total_N
    if cap is not None:
        rise_N = torch.minimum(rise_N + (start_N - cap).clamp(min=0), (cap - start_N).clamp(min=0))
    likelihood_N = advantage_weights(advantage_N - total_N, torch.zeros_like(total_N), lambda_, cap)
    flat_N = total_N == 0
    limit_N = torch.full_like(total_N, lambda_) if cap is None else lambda_ * (start_N < cap).to(total_N.dtype)
    slope_N = torch.where(flat_N, limit_N, torch.expm1(rise_N) / total_N.masked_fill(flat_N, 1))
    return likelihood_N, deviations_NK * (likelihood_N * slope_N).unsqueeze(-1)


def loss_gradient(loss: Tensor, logps_NT: Tensor) -> Tensor:
    """Return ``∂loss/∂logps_NT``, zero where the loss does not depend on them; the graph stays."""
    if not loss.requires_grad:
        return torch.zeros_like(logps_NT)
    (gradient_NT,) = torch.autograd.grad(loss, logps_NT, retain_graph=True, allow_unused=True, materialize_grads=True)
    return gradient_NT


def actor_gradients(
    policy: TokenLogps, deviations_NK: Tensor, advantage_N: Tensor, config: LossConfig, coefficient_N: Tensor
) -> list[Tensor]:
    """Return the gradient of ``Σ_n c_n L_actor,n`` by the log-probs, split into 1 + K parts of shape [N, T].

    First the plain likelihood, then one per auxiliary objective: ``−c_n u_n / |y_n|`` at every response token, ``u``
    from :func:`attribute_weights`; without ``1/|y|`` for ``length_normalization: sum``.
    """
    likelihood_N, added_NK = attribute_weights(deviations_NK, advantage_N, config.lambda_, config.advantage_cap)
    unit_NT = -coefficient_N.unsqueeze(-1) * policy.mask_NT.to(policy.logps_NT.dtype)
    if config.normalization == "token-mean":
        unit_NT = unit_NT / policy.lengths_N().clamp(min=1).unsqueeze(-1)
    return [weight_N.unsqueeze(-1) * unit_NT for weight_N in (likelihood_N, *added_NK.unbind(-1))]


def gradient_metrics(names: Sequence[str], preference: int, gram_MM: Tensor) -> dict[str, Tensor]:
    """Return ``share``, ``grad_norm`` and ``grad_cos`` of every part and of the actor term as a whole.

    The share is the part's norm in the sum of all norms; the cosine is the one with the sum of all other parts, NaN
    where there are none or where a gradient vanishes.
    """
    groups, member_QM = list(names), torch.eye(len(names), dtype=gram_MM.dtype, device=gram_MM.device)
    if preference < len(names):
        groups.append("actor")
        member_QM = torch.cat([member_QM, member_QM[preference:].sum(0, keepdim=True)])
    others_QM = 1 - member_QM
    norm_M = gram_MM.diagonal().clamp(min=0).sqrt()
    norm_Q, others_Q = (_norms(vectors_QM, gram_MM) for vectors_QM in (member_QM, others_QM))
    values = {
        "share": member_QM @ norm_M / norm_M.sum(),
        "grad_norm": norm_Q,
        "grad_cos": (member_QM @ gram_MM * others_QM).sum(-1) / (norm_Q * others_Q),
    }
    return {f"{group}/{name}": value_Q[q] for name, value_Q in values.items() for q, group in enumerate(groups)}


def parameter_gram(parts: GradientParts, parameters: Sequence[Tensor]) -> Tensor:
    """Return all inner products of the parts' gradients by the parameters, shape [M, M].

    One backward pass per part, by the chain rule from the log-probs, exact; the graph stays for the training step, and
    no ``.grad`` is touched. All parts' gradients are held at once.
    """
    gradients = [
        torch.autograd.grad(
            parts.logps_NT, parameters, gradient_NT, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for gradient_NT in parts.gradient_MNT
    ]
    return torch.stack([torch.stack([_inner_product(first, second) for second in gradients]) for first in gradients])


def _norms(vectors_QM: Tensor, gram_MM: Tensor) -> Tensor:
    return (vectors_QM @ gram_MM * vectors_QM).sum(-1).clamp(min=0).sqrt()


def _inner_product(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    return torch.stack([(a.float() * b.float()).sum() for a, b in zip(first, second, strict=True)]).sum()


def probe(parts: GradientParts, policy: nn.Module) -> dict[str, Tensor]:
    """Return ``probe/...``: share, norm and cosine of every part, and the cosine of every two.

    One backward pass of the policy per part, and memory for all of their gradients. Nothing that training reads is
    changed.
    """
    gram_MM = parameter_gram(parts, [parameter for parameter in policy.parameters() if parameter.requires_grad])
    metrics = gradient_metrics(parts.names, parts.preference, gram_MM)
    norm_M = gram_MM.diagonal().sqrt()
    labels = [name.removeprefix("objective/") for name in parts.names]
    for (i, first), (j, second) in combinations(enumerate(labels), 2):
        metrics[f"cos/{first}/{second}"] = gram_MM[i, j] / (norm_M[i] * norm_M[j])
    return {f"probe/{name}": value for name, value in metrics.items()}
