"""Registers the ``http`` objective; its code is imported only when it is used."""

from __future__ import annotations

from upo_sdk.plugin import ObjectiveSpec, hookimpl

__all__ = ["upo_register_objectives"]


@hookimpl
def upo_register_objectives() -> list[ObjectiveSpec]:
    """Register ``http``."""
    return [
        ObjectiveSpec(
            name="http",
            kind="auxiliary",
            target="upo_plugins.http.objective:Service",
            options="upo_plugins.http.options:ServiceOptions",
            summary="A scoring service: http://HOST/PATH or https://HOST/PATH",
            positional="url",
            target_kind="url",
        )
    ]
