"""The names of the losses of the ``dpo`` family, as in TRL, and what each means in one line; nothing imports torch."""

from __future__ import annotations

from typing import Any, Literal

__all__ = [
    "BATCH_STATISTICS",
    "DIFFERENCE_LOSSES",
    "MARGIN_LOSSES",
    "MEANINGS",
    "SMOOTHED_LOSSES",
    "VARIANTS",
    "FDivergence",
    "LossType",
    "resolve_alias",
]

LossType = Literal[
    "sigmoid",
    "sigmoid_norm",
    "robust",
    "hinge",
    "ipo",
    "exo_pair",
    "nca_pair",
    "bco_pair",
    "sppo_hard",
    "aot",
    "aot_unpaired",
    "apo_zero",
    "apo_down",
    "discopop",
]

FDivergence = Literal["reverse_kl", "forward_kl", "js_divergence", "alpha_divergence"]

MEANINGS: dict[LossType, str] = {
    "sigmoid": "DPO; with label_smoothing cDPO (alias dpo)",
    "sigmoid_norm": "DPO on log-ratios averaged over tokens",
    "robust": "DPO, unbiased when a share label_smoothing of the labels is flipped",
    "hinge": "SLiC: no loss beyond the margin 1/β (alias slic)",
    "ipo": "IPO: the mean margin per token is drawn to 1/(2β)",
    "exo_pair": "EXO: reverse KL to the smoothed label (alias exo)",
    "nca_pair": "NCA: also keeps the likelihood of the chosen response up (alias nca)",
    "bco_pair": "BCO: a classifier of chosen against rejected (alias bco)",
    "sppo_hard": "SPPO: each log-ratio is drawn to ±1/(2β) (alias sppo)",
    "aot": "AOT: sorted margins of policy and reference; depends on the batch",
    "aot_unpaired": "AOT: sorted chosen against sorted rejected log-ratios; depends on the batch",
    "apo_zero": "APO: chosen up, rejected down; when the data beats the model",
    "apo_down": "APO: both down, rejected more; when the model beats the data",
    "discopop": "DiscoPOP: a blend of logistic and exponential loss found by search",
}

DIFFERENCE_LOSSES: frozenset[LossType] = frozenset(
    {"sigmoid", "sigmoid_norm", "robust", "hinge", "ipo", "exo_pair", "discopop"}
)
"""Losses of the difference of two scores; only there does the unknown normaliser of an f-divergence cancel."""

SMOOTHED_LOSSES: frozenset[LossType] = frozenset(
    {"sigmoid", "sigmoid_norm", "robust", "hinge", "exo_pair", "aot", "aot_unpaired"}
)
"""Losses with a term for flipped labels."""

MARGIN_LOSSES: frozenset[LossType] = frozenset({"sigmoid", "robust", "hinge"})
"""Losses of the logit ``βΔ``, from which a margin in the data is subtracted."""

BATCH_STATISTICS: frozenset[LossType] = frozenset({"aot", "aot_unpaired"})
"""Losses of a pair that depend on the other pairs of the batch."""

_ALIASES: dict[str, LossType] = {
    "dpo": "sigmoid",
    "slic": "hinge",
    "exo": "exo_pair",
    "nca": "nca_pair",
    "bco": "bco_pair",
    "sppo": "sppo_hard",
}


VARIANTS: dict[str, str] = {
    **{name: f"dpo,loss_type={name}" for name in MEANINGS},
    **{alias: f"dpo,loss_type={name}" for alias, name in _ALIASES.items()},
    "apo": "dpo,loss_type=apo_zero or dpo,loss_type=apo_down",
    "cdpo": "dpo,label_smoothing=0.1",
    "ld-dpo": "dpo,ld_alpha=0.5",
    "wpo": "dpo,use_weighting=true",
}
"""Names that people may type as objectives, each with the text form to write instead."""


def resolve_alias(name: Any) -> Any:
    """Return the name of the loss behind an alias; anything else as it is."""
    return _ALIASES.get(name, name) if isinstance(name, str) else name
