"""Simple Preference Optimization: the reward is the mean log-prob per token, so no reference model is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_plugins.dpo.losses import sigmoid_loss
from upo_sdk.objectives import BaseObjective, Needs, PreferenceLoss

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.simpo.options import SimPOOptions
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["SimPO", "simpo_loss"]


def simpo_loss(mean_difference_B: Tensor, beta: float, gamma: float, label_smoothing: float = 0.0) -> Tensor:
    """Return ``−log σ(βD̄ − γ)``, shape [B]; ``D̄ = log π(y_w|x)/|y_w| − log π(y_l|x)/|y_l|``.

    Meng et al., 2024 (arXiv 2405.14734), equation 6; smoothed labels as in cDPO.
    """
    return sigmoid_loss(mean_difference_B - gamma / beta, beta, label_smoothing)


class SimPO(BaseObjective):
    """The ``simpo`` objective."""

    needs = Needs(pairs=True)

    def __init__(self, options: SimPOOptions) -> None:
        self.options = options

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        """Return the loss per pair, shape [B]."""
        options = self.options
        difference_B = batch.pair_difference_B(batch.policy.mean_N())
        return PreferenceLoss(simpo_loss(difference_B, options.beta, options.gamma, options.label_smoothing))
