"""Contrastive Preference Optimization: DPO with a uniform reference, kept in place by the likelihood of the chosen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_plugins.dpo.losses import hinge_loss, ipo_loss, sigmoid_loss
from upo_plugins.sft.objective import likelihood_loss
from upo_plugins.simpo.objective import simpo_loss
from upo_sdk.objectives import BaseObjective, Needs, PreferenceLoss

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.cpo.options import CPOOptions
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["CPO"]


class CPO(BaseObjective):
    """The ``cpo`` objective: ``L(β, log π_w − log π_l) − α (1/|y_w|) log π_w`` per pair.

    Xu et al., 2024 (arXiv 2401.08417), section 3; the likelihood is averaged over tokens, as in the authors' code.
    """

    def __init__(self, options: CPOOptions) -> None:
        self.options = options
        self.needs = Needs(pairs=True, batch_statistic=options.average == "batch" and options.cpo_alpha > 0)

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        """Return the loss per pair, shape [B]."""
        contrast_B = self._contrast_B(batch)
        logps_B, lengths_B = batch.policy.sum_N()[batch.chosen_B], batch.policy.lengths_N()[batch.chosen_B]
        likelihood_B = likelihood_loss(logps_B, lengths_B, self.options.average)
        return PreferenceLoss(
            contrast_B + self.options.cpo_alpha * likelihood_B,
            {"cpo/contrast": contrast_B.detach().mean(), "cpo/likelihood": likelihood_B.detach().mean()},
        )

    def _contrast_B(self, batch: PreferenceBatch) -> Tensor:
        beta, smoothing = self.options.beta, self.options.label_smoothing
        match self.options.loss_type:
            case "sigmoid":
                return sigmoid_loss(batch.pair_difference_B(batch.policy.sum_N()), beta, smoothing)
            case "hinge":
                return hinge_loss(batch.pair_difference_B(batch.policy.sum_N()), beta)
            case "ipo":
                return ipo_loss(batch.pair_difference_B(batch.policy.mean_N()), beta)
            case "simpo":
                difference_B = batch.pair_difference_B(batch.policy.mean_N())
                return simpo_loss(difference_B, beta, self.options.simpo_gamma, smoothing)
