"""Kahneman-Tversky Optimization, the base of the UPO paper's experiments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from upo_sdk.objectives import BaseObjective, Needs, PreferenceLoss

if TYPE_CHECKING:
    from torch import Tensor

    from upo_plugins.kto.options import KTOOptions
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["KTO", "kto_loss"]


def kto_loss(log_ratios_N: Tensor, desirable_N: Tensor, kl: Tensor, beta: float) -> Tensor:
    """Return ``1 − σ(β(r − z))`` for desirable and ``1 − σ(β(z − r))`` for undesirable completions, shape [N].

    ``r = log π − log ρ``, ``z`` the KL estimate. Ethayarajh et al., 2024 (arXiv 2402.01306), equation 8.
    """
    margin_N = log_ratios_N - kl
    return 1 - torch.sigmoid(beta * torch.where(desirable_N, margin_N, -margin_N))


class KTO(BaseObjective):
    """The ``kto`` objective. A pair counts as two unpaired completions.

    ``apo_zero_unpaired`` is the same formula with ``z = 0``: D'Oosterlinck et al., 2024 (arXiv 2408.06266), equation 7
    on single completions.
    """

    def __init__(self, options: KTOOptions) -> None:
        self.options = options
        self.needs = Needs(reference=True, kl=options.loss_type == "kto")

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        """Return the loss per completion, shape [N]."""
        log_ratios_N = batch.log_ratios_N()
        kl = self._kl(batch, log_ratios_N)
        loss_N = kto_loss(log_ratios_N, batch.desirable_N, kl, self.options.beta)
        weighted_N = torch.where(
            batch.desirable_N, self.options.desirable_weight * loss_N, self.options.undesirable_weight * loss_N
        )
        return PreferenceLoss(weighted_N, {"kto/kl": kl.detach()} if self.needs.kl else {})

    def _kl(self, batch: PreferenceBatch, log_ratios_N: Tensor) -> Tensor:
        if not self.needs.kl:
            return log_ratios_N.new_zeros(())
        assert batch.kl is not None  # noqa: S101 - declared in needs
        return batch.kl
