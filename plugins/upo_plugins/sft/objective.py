"""Supervised fine-tuning: the negative log-likelihood of the good responses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.objectives import BaseObjective, Needs, PreferenceLoss

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.sft.options import Average, SFTOptions
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["SFT", "likelihood_loss"]


def likelihood_loss(logps_B: Tensor, lengths_B: Tensor, average: Average) -> Tensor:
    """Return ``−(1/|y|) log π(y|x)`` (``response``) or ``−(B/Σ|y|) log π(y|x)`` (``batch``), shape [B].

    The mean over B is the mean over responses of their mean per token, or the mean over all tokens of the batch.
    A response without tokens costs nothing.

    Args:
        logps_B: ``log π(y|x)``, summed over the response's tokens.
        lengths_B: ``|y|``.
        average: Which of the two.
    """
    if average == "batch":
        return -logps_B * len(logps_B) / lengths_B.sum().clamp(min=1)
    return -logps_B / lengths_B.clamp(min=1)


class SFT(BaseObjective):
    """The ``sft`` objective. Of a pair it sees the chosen response, of unpaired data the desirable ones."""

    def __init__(self, options: SFTOptions) -> None:
        self.options = options
        self.needs = Needs(batch_statistic=options.average == "batch")

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        """Return the loss per pair, shape [B]; or per completion, shape [N], with 0 for undesirable ones."""
        logps_N, lengths_N = batch.policy.sum_N(), batch.policy.lengths_N()
        if batch.chosen_B is not None:
            chosen_B = batch.chosen_B
            return PreferenceLoss(likelihood_loss(logps_N[chosen_B], lengths_N[chosen_B], self.options.average))
        bad_N = ~batch.desirable_N
        return PreferenceLoss(
            likelihood_loss(logps_N.masked_fill(bad_N, 0.0), lengths_N.masked_fill(bad_N, 0), self.options.average)
        )
