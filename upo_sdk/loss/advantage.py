"""The auxiliary part of the unified loss and its means, as pure functions (UPO, arXiv 2405.17956)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import torch

if TYPE_CHECKING:
    from torch import Tensor

    from upo_sdk.objectives import TokenLogps

__all__ = [
    "actor_loss",
    "advantage_weights",
    "effective_sample_size",
    "expectile",
    "expectile_loss",
    "mean_shares",
    "weighted_mean",
]


def advantage_weights(rewards_N: Tensor, values_N: Tensor, lambda_: float, cap: float | None = None) -> Tensor:
    """Return ``exp(λ (R − sg V))``, shape [N]; without gradient.

    Args:
        rewards_N: ``R = Σ_i w_i r_i``, the weighted sum of the auxiliary rewards.
        values_N: The baseline ``V(x)`` of each completion's prompt.
        lambda_: ``λ``; zero gives weight 1 everywhere.
        cap: Upper bound of ``λA``, or None for none.
    """
    exponent_N = lambda_ * (rewards_N - values_N).detach()
    return torch.exp(exponent_N if cap is None else exponent_N.clamp(max=cap))


def actor_loss(
    policy: TokenLogps, weights_N: Tensor, normalization: Literal["token-mean", "sum"] = "token-mean"
) -> Tensor:
    """Return ``− exp(λA) · (1/|y|) Σ_t log π(y_t | x, y_<t)`` per completion, shape [N].

    This is the forward-KL projection on ``π_ref · exp(αA/β)``: a weighted likelihood over every completion, chosen and
    rejected alike. ``sum`` leaves out the ``1/|y|``.
    """
    return -weights_N * (policy.mean_N() if normalization == "token-mean" else policy.sum_N())


def expectile_loss(rewards_N: Tensor, values_N: Tensor, expectile: float) -> Tensor:
    """Return ``|τ − 1(u < 0)| u²`` with ``u = R − V``, shape [N] (IQL, arXiv 2110.06169, equation 5)."""
    error_N = rewards_N.detach() - values_N
    return (expectile - (error_N < 0).to(error_N.dtype)).abs() * error_N.square()


def expectile(values_N: Tensor, tau: float, share_N: Tensor) -> Tensor:
    """Return the constant that minimises the mean :func:`expectile_loss`, a scalar.

    It is a mean in which values above it count ``τ`` and the others ``1 − τ``. Newton's method on the piecewise
    quadratic, which ends after finitely many steps.

    Args:
        values_N: The values.
        tau: ``τ``; 0.5 gives the mean.
        share_N: How much each value counts; not all 0.
    """
    found = (share_N * values_N).sum() / share_N.sum()
    for _ in range(len(values_N) + 1):
        weight_N = share_N * (1 - tau + (2 * tau - 1) * (values_N > found).to(values_N.dtype))
        before, found = found, (weight_N * values_N).sum() / weight_N.sum()
        if torch.equal(before, found):
            break
    return found


def effective_sample_size(weights_N: Tensor) -> Tensor:
    """Return ``(Σw)² / Σw²``, a scalar between 1 and N."""
    return weights_N.sum().square() / weights_N.square().sum()


def weighted_mean(values_I: Tensor, weight_I: Tensor | None) -> Tensor:
    """Return ``Σ s ℓ / Σ s``, the plain mean without weights, and 0 if all weights are 0."""
    if weight_I is None:
        return values_I.mean()
    return (mean_shares(values_I, weight_I) * values_I).sum()


def mean_shares(values_I: Tensor, weight_I: Tensor | None) -> Tensor:
    """Return what each value counts in the mean: ``s / Σ s``, or ``1/I`` without weights."""
    if weight_I is None:
        return torch.full_like(values_I, 1 / len(values_I)).detach()
    total = weight_I.sum()
    return weight_I.to(values_I.dtype) / torch.where(total > 0, total, torch.ones_like(total))
