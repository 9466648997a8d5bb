"""Registers the ``hf`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``hf``."""
    return [
        ObjectiveSpec(
            name="hf",
            kind="auxiliary",
            target="upo_plugins.hf.objective:Classifier",
            options="upo_plugins.hf.options:ClassifierOptions",
            summary="A sequence classifier or reward model of the Transformers library: hf:MODEL_OR_FOLDER",
            positional="model",
            target_kind="path",
        )
    ]
