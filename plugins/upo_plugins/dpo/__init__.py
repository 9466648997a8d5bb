"""Registers the ``dpo`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_plugins.dpo.loss_types import VARIANTS
from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``dpo``."""
    return [
        ObjectiveSpec(
            name="dpo",
            kind="preference",
            target="upo_plugins.dpo.objective:DPO",
            options="upo_plugins.dpo.options:DPOOptions",
            summary="Direct Preference Optimization and its family on pairs: IPO, SLiC, EXO, NCA, BCO, SPPO, AOT, APO",
            variants=VARIANTS,
            default_for=("pairs",),
        )
    ]
