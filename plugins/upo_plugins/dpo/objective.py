"""Direct Preference Optimization and its family, chosen by ``loss_type``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_plugins.dpo.loss_types import BATCH_STATISTICS, MARGIN_LOSSES
from upo_plugins.dpo.losses import (
    aot_loss,
    apo_down_loss,
    apo_zero_loss,
    bco_pair_loss,
    discopop_loss,
    exo_pair_loss,
    hinge_loss,
    ipo_loss,
    nca_pair_loss,
    robust_loss,
    sigmoid_loss,
    sppo_hard_loss,
    wpo_weights_B,
)
from upo_plugins.dpo.pairs import read_pairs
from upo_sdk.objectives import BaseObjective, Needs, PreferenceLoss

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from upo_plugins.dpo.loss_types import LossType
    from upo_plugins.dpo.options import DPOOptions
    from upo_plugins.dpo.pairs import Pairs
    from upo_sdk.objectives import PreferenceBatch

__all__ = ["DPO", "LOSSES"]

LOSSES: dict[LossType, Callable[[Pairs, DPOOptions], Tensor]] = {
    "sigmoid": lambda pairs, o: sigmoid_loss(pairs.beyond_margin_B(o.beta), o.beta, o.smoothing),
    "sigmoid_norm": lambda pairs, o: sigmoid_loss(pairs.mean_difference_B, o.beta, o.smoothing),
    "robust": lambda pairs, o: robust_loss(pairs.beyond_margin_B(o.beta), o.beta, o.smoothing),
    "hinge": lambda pairs, o: hinge_loss(pairs.beyond_margin_B(o.beta), o.beta, o.smoothing),
    "ipo": lambda pairs, o: ipo_loss(pairs.mean_difference_B, o.beta),
    "exo_pair": lambda pairs, o: exo_pair_loss(pairs.difference_B, o.beta, o.smoothing),
    "nca_pair": lambda pairs, o: nca_pair_loss(pairs.chosen_B, pairs.rejected_B, o.beta),
    "bco_pair": lambda pairs, o: bco_pair_loss(pairs.chosen_B, pairs.rejected_B, o.beta),
    "sppo_hard": lambda pairs, o: sppo_hard_loss(pairs.chosen_B, pairs.rejected_B, o.beta),
    "aot": lambda pairs, o: aot_loss(pairs.policy_difference_B, pairs.reference_difference_B, o.beta, o.smoothing),
    "aot_unpaired": lambda pairs, o: aot_loss(pairs.chosen_B, pairs.rejected_B, o.beta, o.smoothing),
    "apo_zero": lambda pairs, o: apo_zero_loss(pairs.chosen_B, pairs.rejected_B, o.beta),
    "apo_down": lambda pairs, o: apo_down_loss(pairs.chosen_B, pairs.rejected_B, o.beta),
    "discopop": lambda pairs, o: discopop_loss(pairs.difference_B, o.beta, o.discopop_tau),
}


class DPO(BaseObjective):
    """The ``dpo`` objective."""

    def __init__(self, options: DPOOptions) -> None:
        self.options = options
        self.needs = Needs(
            reference=True,
            pairs=True,
            margin=options.loss_type in MARGIN_LOSSES,
            batch_statistic=options.loss_type in BATCH_STATISTICS,
        )

    def loss(self, batch: PreferenceBatch, /) -> PreferenceLoss:
        """Return the loss per pair, shape [B]; of ``aot`` and ``aot_unpaired`` per quantile of the batch."""
        loss_B = LOSSES[self.options.loss_type](read_pairs(batch, self.options), self.options)
        if not self.options.use_weighting:
            return PreferenceLoss(loss_B)
        mean_N = batch.policy.mean_N()
        return PreferenceLoss(loss_B * wpo_weights_B(mean_N[batch.chosen_B], mean_N[batch.rejected_B]))
