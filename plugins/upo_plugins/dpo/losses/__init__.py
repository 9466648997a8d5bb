"""The losses of the family: pure functions of one value per pair."""

from upo_plugins.dpo.losses.aot import aot_loss
from upo_plugins.dpo.losses.apo import apo_down_loss, apo_zero_loss
from upo_plugins.dpo.losses.bco import bco_pair_loss
from upo_plugins.dpo.losses.discopop import discopop_loss
from upo_plugins.dpo.losses.exo import exo_pair_loss
from upo_plugins.dpo.losses.hinge import hinge_loss
from upo_plugins.dpo.losses.ipo import ipo_loss
from upo_plugins.dpo.losses.nca import nca_pair_loss
from upo_plugins.dpo.losses.sigmoid import robust_loss, sigmoid_loss
from upo_plugins.dpo.losses.sppo import sppo_hard_loss

__all__ = [
    "aot_loss",
    "apo_down_loss",
    "apo_zero_loss",
    "bco_pair_loss",
    "discopop_loss",
    "exo_pair_loss",
    "hinge_loss",
    "ipo_loss",
    "nca_pair_loss",
    "robust_loss",
    "sigmoid_loss",
    "sppo_hard_loss",
]
