"""Losses that depend on padding, order, the size of a batch, or on what nobody asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from good import Loss
from torch.nn.functional import logsigmoid

from upo_sdk.objectives import Needs, PreferenceLoss

if TYPE_CHECKING:
    from torch import Tensor

    from upo_sdk.objectives import PreferenceBatch

__all__ = [
    "AveragesBothSides",
    "BorrowsTheEstimate",
    "BorrowsTheReference",
    "ClampsInPlace",
    "CountsPadding",
    "DividesByTheWidth",
    "FreezesTheFirstBatch",
    "MultipliesByTheMask",
    "RanksPairs",
    "SortsTheBatch",
    "SubtractsTheMean",
    "TakesLabels",
]


def _dpo(margin_B: Tensor) -> PreferenceLoss:
    return PreferenceLoss(-logsigmoid(0.1 * margin_B))


class SortsTheBatch(Loss):
    """A good one that uses a statistic of the batch and says so, as AOT does."""

    needs = Needs(reference=True, pairs=True, batch_statistic=True)

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        ratios_N = batch.log_ratios_N()
        assert batch.chosen_B is not None
        return _dpo(ratios_N[batch.chosen_B].sort().values - ratios_N[batch.rejected_B].sort().values)


class TakesLabels(Loss):
    """A good one for unpaired data, without a reference."""

    needs = Needs()

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        return PreferenceLoss(-logsigmoid(torch.where(batch.desirable_N, 1, -1) * batch.policy.mean_N()))


class CountsPadding(Loss):
    """It sums over masked positions too."""

    caught_by = "padding_changes_nothing"
    also = ("gradient_accumulation_changes_nothing", "ranks_change_nothing")

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        assert batch.reference is not None
        return _dpo(batch.pair_difference_B((batch.policy.logps_NT - batch.reference.logps_NT.detach()).sum(-1)))


class MultipliesByTheMask(Loss):
    """It multiplies by the mask, and NaN times zero is NaN."""

    caught_by = "padding_changes_nothing"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        assert batch.reference is not None
        ratios_NT = (batch.policy.logps_NT - batch.reference.logps_NT.detach()) * batch.policy.mask_NT
        return _dpo(batch.pair_difference_B(ratios_NT.sum(-1)))


class RanksPairs(Loss):
    """Later pairs of a batch count less."""

    caught_by = "order_of_pairs_changes_nothing"
    also = ("gradient_accumulation_changes_nothing", "ranks_change_nothing")

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        loss_B = super().loss(batch).loss_B
        return PreferenceLoss(loss_B / torch.arange(1, len(loss_B) + 1))


class SubtractsTheMean(Loss):
    """It centres the margins over the batch without saying so in its needs."""

    caught_by = "gradient_accumulation_changes_nothing"
    also = ("ranks_change_nothing",)

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        margin_B = batch.pair_difference_B(batch.log_ratios_N())
        return _dpo(margin_B - margin_B.mean().detach())


class DividesByTheWidth(Loss):
    """It averages over the padded length, which the longest response of the batch decides."""

    caught_by = "gradient_accumulation_changes_nothing"
    also = ("ranks_change_nothing",)

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        return _dpo(batch.pair_difference_B(batch.log_ratios_N()) / batch.policy.mask_NT.shape[-1])


class FreezesTheFirstBatch(Loss):
    """It takes its scale from the first batch it sees, which is another one on every rank."""

    caught_by = "ranks_change_nothing"

    def __init__(self) -> None:
        self.scale: Tensor | None = None

    def setup(self, device: str, /) -> None:
        self.scale = None

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        margin_B = batch.pair_difference_B(batch.log_ratios_N())
        if self.scale is None:
            self.scale = 1 + margin_B.detach().abs().mean()
        return _dpo(margin_B / self.scale)


class BorrowsTheEstimate(Loss):
    """It reads the KL estimate, which is there only if another objective asks for it."""

    caught_by = "loss_reads_only_what_it_declares"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        shift = 0.0 if batch.kl is None else batch.kl
        return _dpo(batch.pair_difference_B(batch.log_ratios_N()) - shift)


class BorrowsTheReference(Loss):
    """It reads a reference that its needs do not name."""

    needs = Needs(pairs=True)
    caught_by = "loss_reads_only_what_it_declares"
    also = ("one_loss_per_item",)


class AveragesBothSides(Loss):
    """It centres the rejected completions on their mean, which is NaN where there are none."""

    needs = Needs()
    caught_by = "one_sided_batches_are_finite"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        mean_N = batch.policy.mean_N()
        guard = 0 * mean_N.detach()[~batch.desirable_N].mean()
        return PreferenceLoss(-logsigmoid(torch.where(batch.desirable_N, 1, -1) * mean_N) + guard)


class ClampsInPlace(Loss):
    """It clamps the log-probs that other objectives read after it."""

    caught_by = "leaves_the_batch_alone"

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        batch.policy.logps_NT.clamp_(min=-1.0)
        return super().loss(batch)
