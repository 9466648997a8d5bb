"""Registers the ``sft`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``sft``."""
    return [
        ObjectiveSpec(
            name="sft",
            kind="preference",
            target="upo_plugins.sft.objective:SFT",
            options="upo_plugins.sft.options:SFTOptions",
            summary="Supervised fine-tuning: the likelihood of chosen or desirable responses",
        )
    ]
