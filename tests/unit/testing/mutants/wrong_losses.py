"""Losses with the wrong shape, value or gradient."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from good import Loss
from torch.nn.functional import logsigmoid

from upo_sdk.objectives import PreferenceLoss

if TYPE_CHECKING:
    from torch import Tensor

    from upo_sdk.objectives import PreferenceBatch

__all__ = [
    "AveragesTheLoss",
    "DemandsFloatThirtyTwo",
    "DetachesThePolicy",
    "ForgetsTheName",
    "GivesATensor",
    "KeepsTheGraph",
    "LogsItsMargin",
    "RaisesBoth",
    "SwapsThePair",
    "TakesARoot",
    "TakesLogOfZero",
    "TrainsTheReference",
]


def _margin_B(batch: PreferenceBatch) -> Tensor:
    return batch.pair_difference_B(batch.log_ratios_N())


def _dpo(margin_B: Tensor) -> PreferenceLoss:
    return PreferenceLoss(-logsigmoid(0.1 * margin_B))


class LogsItsMargin(Loss):
    """A good one with a metric."""

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        margin_B = _margin_B(batch)
        return PreferenceLoss(-logsigmoid(0.1 * margin_B), {"logs-its-margin/margin": margin_B.mean().detach()})


class AveragesTheLoss(Loss):
    """It returns the mean over the batch."""

    caught_by = "one_loss_per_item"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        return PreferenceLoss(super().loss(batch).loss_B.mean())


class GivesATensor(Loss):
    """It returns the tensor instead of a ``PreferenceLoss``."""

    caught_by = "one_loss_per_item"

    def loss(self, batch: PreferenceBatch, /) -> Any:
        return super().loss(batch).loss_B


class TakesLogOfZero(Loss):
    """``log(1 − σ(−x))`` is infinite far from the reference."""

    caught_by = "losses_are_finite"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        return PreferenceLoss(-torch.log(1 - torch.sigmoid(-_margin_B(batch))))


class TakesARoot(Loss):
    """The gradient of a square root is infinite at zero, where training starts."""

    caught_by = "losses_are_finite"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        margin_B = _margin_B(batch)
        return _dpo(margin_B.sign() * margin_B.abs().sqrt() + margin_B)


class DetachesThePolicy(Loss):
    """The loss is a constant."""

    caught_by = "gradient_reaches_the_policy"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        return _dpo(_margin_B(batch).detach())


class TrainsTheReference(Loss):
    """The log-ratio keeps the reference in the graph."""

    caught_by = "gradient_spares_the_reference"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        assert batch.reference is not None
        return _dpo(batch.pair_difference_B(batch.policy.sum_N() - batch.reference.sum_N()))


class SwapsThePair(Loss):
    """It prefers the rejected response."""

    caught_by = "first_step_favours_the_chosen"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        return _dpo(-_margin_B(batch))


class RaisesBoth(Loss):
    """It rewards likelihood, of the rejected response too."""

    caught_by = "first_step_favours_the_chosen"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        return PreferenceLoss(-batch.policy.mean_N())


class DemandsFloatThirtyTwo(Loss):
    """It multiplies by a matrix of float32, which takes no bfloat16."""

    caught_by = "bfloat16_agrees_with_float32"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        margin_B = _margin_B(batch)
        return _dpo(margin_B @ torch.eye(len(margin_B)))


class ForgetsTheName(Loss):
    """Its metric has no name of an objective before it."""

    caught_by = "metrics_are_named_and_detached"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        margin_B = _margin_B(batch)
        return PreferenceLoss(-logsigmoid(0.1 * margin_B), {"margin": margin_B.mean().detach()})


class KeepsTheGraph(Loss):
    """Its metric is not detached."""

    caught_by = "metrics_are_named_and_detached"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        margin_B = _margin_B(batch)
        return PreferenceLoss(-logsigmoid(0.1 * margin_B), {"keeps-the-graph/margin": margin_B.mean()})
