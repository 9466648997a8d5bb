"""Every loss that is compared: our text form, and what TRL is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from benchmarks.trl_equality.peer import trl_cpo, trl_dpo, trl_kto, trl_orpo

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from benchmarks.trl_equality.tensors import Tensors

__all__ = ["CASES", "Case"]


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table: our text form, and what TRL is told."""

    objective: str
    peer: Callable[[Tensors, dict[str, Any]], Tensor]
    settings: dict[str, Any] = field(default_factory=dict)


CASES: Sequence[Case] = [
    *(
        Case(f"dpo,loss_type={name}{options}", trl_dpo, {"loss_types": [name], **settings})
        for name, options, settings in [
            ("sigmoid", "", {}),
            ("sigmoid", ",beta=0.5", {"beta": 0.5}),
            ("sigmoid_norm", ",beta=2", {"beta": 2.0}),
            ("robust", ",label_smoothing=0.1", {"label_smoothing": 0.1}),
            ("hinge", "", {}),
            ("ipo", "", {}),
            ("exo_pair", "", {"label_smoothing": 1e-3}),
            ("nca_pair", "", {}),
            ("bco_pair", "", {}),
            ("sppo_hard", "", {}),
            ("aot", ",label_smoothing=0.1", {"label_smoothing": 0.1}),
            ("aot_unpaired", "", {}),
            ("apo_zero", "", {}),
            ("apo_down", "", {}),
            ("discopop", "", {}),
            ("sigmoid", ",f_divergence_type=forward_kl", {"f_divergence_type": "forward_kl"}),
            ("sigmoid", ",f_divergence_type=js_divergence", {"f_divergence_type": "js_divergence"}),
            ("sigmoid", ",f_divergence_type=alpha_divergence", {"f_divergence_type": "alpha_divergence"}),
            ("ipo", ",f_divergence_type=js_divergence", {"f_divergence_type": "js_divergence"}),
            ("sigmoid", ",ld_alpha=0.5", {"ld_alpha": 0.5}),
            ("aot", ",ld_alpha=0", {"ld_alpha": 0.0}),
            ("sigmoid", ",use_weighting=true", {"use_weighting": True}),
            ("apo_zero", ",use_weighting=true", {"use_weighting": True}),
        ]
    ),
    Case("kto", trl_kto, {"loss_type": "kto"}),
    Case("kto,desirable_weight=2", trl_kto, {"loss_type": "kto", "desirable_weight": 2.0}),
    Case("kto,loss_type=apo_zero_unpaired", trl_kto, {"loss_type": "apo_zero_unpaired"}),
    Case("sft,average=batch", trl_dpo, {"loss_types": ["sft"]}),
    Case("simpo", trl_cpo, {"loss_type": "simpo", "cpo_alpha": 0.0, "beta": 2.0}),
    *(
        Case(f"cpo,average=batch,loss_type={name}{options}", trl_cpo, {"loss_type": name, **settings})
        for name, options, settings in [
            ("sigmoid", "", {}),
            ("sigmoid", ",label_smoothing=0.1", {"label_smoothing": 0.1}),
            ("hinge", "", {}),
            ("ipo", "", {}),
            ("simpo", ",beta=2", {"beta": 2.0}),
        ]
    ),
    Case("orpo,average=batch", trl_orpo),
]
