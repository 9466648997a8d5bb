"""Odds Ratio Preference Optimization: fine-tuning with a penalty on the rejected response, in one stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812

from upo_plugins.sft.objective import likelihood_loss
from upo_sdk.objectives import BaseObjective, Needs, PreferenceLoss

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.orpo.options import ORPOOptions
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["ORPO", "log_odds", "odds_ratio_loss"]

_LARGEST_MEAN_LOGP = -1e-6  # a probability of 1 has infinite odds


def log_odds(mean_logp_N: Tensor) -> Tensor:
    """Return ``log(p / (1 − p))`` with ``log p`` the mean log-prob per token, of the same shape.

    Hong et al., 2024 (arXiv 2403.07691), equation 4. ``log(1 − p)`` is ``log(−expm1(log p))``, which loses no digits
    near ``p = 1`` and is 0 far from it; ``p`` is held below ``1 − 10⁻⁶``, so an empty response has finite odds.
    """
    held_N = mean_logp_N.clamp(max=_LARGEST_MEAN_LOGP)
    return held_N - torch.log(-torch.expm1(held_N))


def odds_ratio_loss(chosen_B: Tensor, rejected_B: Tensor) -> Tensor:
    """Return ``−log σ(log odds_w − log odds_l)`` of mean log-probs per token, shape [B]; equation 7 of the paper."""
    return -F.logsigmoid(log_odds(chosen_B) - log_odds(rejected_B))


class ORPO(BaseObjective):
    """The ``orpo`` objective: ``−(1/|y_w|) log π_w + β · odds-ratio loss`` per pair."""

    def __init__(self, options: ORPOOptions) -> None:
        self.options = options
        self.needs = Needs(pairs=True, batch_statistic=options.average == "batch")

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        """Return the loss per pair, shape [B]."""
        mean_N = batch.policy.mean_N()
        odds_B = odds_ratio_loss(mean_N[batch.chosen_B], mean_N[batch.rejected_B])
        logps_B, lengths_B = batch.policy.sum_N()[batch.chosen_B], batch.policy.lengths_N()[batch.chosen_B]
        likelihood_B = likelihood_loss(logps_B, lengths_B, self.options.average)
        return PreferenceLoss(
            likelihood_B + self.options.beta * odds_B,
            {"orpo/odds_ratio": odds_B.detach().mean(), "orpo/likelihood": likelihood_B.detach().mean()},
        )
