"""Means in which a row may count for more or less than another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["mean_shares", "weighted_mean"]


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
