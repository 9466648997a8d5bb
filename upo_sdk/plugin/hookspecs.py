"""The five hooks. All of them register; none runs during training (that is what callbacks are for)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from upo_sdk.plugin.specs import DatasetFormatSpec, ObjectiveSpec

__all__ = ["PROJECT", "HookSpecs", "hookimpl"]

PROJECT = "upo"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class HookSpecs:
    """What a plugin module may implement, each decorated with :data:`hookimpl`."""

    @hookspec
    def upo_register_objectives(self) -> Iterable[ObjectiveSpec]:  # type: ignore[empty-body]
        """Return the objectives this plugin provides. Import nothing heavy."""

    @hookspec
    def upo_register_dataset_formats(self) -> Iterable[DatasetFormatSpec]:  # type: ignore[empty-body]
        """Return the dataset shapes this plugin can read."""

    @hookspec
    def upo_register_commands(self, app: Any) -> None:
        """Add commands to the Typer application ``app``."""

    @hookspec
    def upo_register_callbacks(self, run: Any) -> Iterable[Any]:  # type: ignore[empty-body]
        """Return :class:`upo_sdk.events.Callback` objects for the run described by ``run``, a ``RunPlan``."""

    @hookspec
    def upo_review_run(self, run: Any) -> str | None:
        """Return a reason to refuse the run described by ``run``, a ``RunPlan``, or None; called before any work."""
