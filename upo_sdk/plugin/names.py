"""What the name of a reference means to a registry: a registered objective, or something to import."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from upo_sdk.errors import ObjectiveRefError

if TYPE_CHECKING:
    from upo_sdk.config import ObjectiveRef
    from upo_sdk.plugin.registry import RegisteredObjective, Registry
    from upo_sdk.plugin.specs import TargetKind

__all__ = ["default_label", "find_objective", "label_of"]


def find_objective(ref: ObjectiveRef, registry: Registry) -> RegisteredObjective | None:
    """Return the registered objective, or None if the reference is the import path of a class or function.

    Raises:
        UnknownObjectiveError: It is neither.
        PluginError: The plugin that has it did not load.
        ObjectiveRefError: The objective takes no target, and one is given.
    """
    if ref.may_be_imported and ref.name not in registry.objectives:
        registry.check_name(ref.name)
        return None
    found = registry.get(ref.name)
    if ref.target and found.spec.positional is None:
        raise ObjectiveRefError(
            f"'{ref.name}' takes no target, and '{ref.target}' is not a weight",
            where=f"objective '{ref.named}'",
            fix=f"write {ref.name}:0.3; upo objectives show {ref.name}",
        )
    return found


def label_of(ref: ObjectiveRef, registry: Registry) -> str:
    """Return the name under which an objective is logged: what ``as`` says, else the default label.

    Raises:
        UPOError: As :func:`find_objective`.
    """
    default = default_label(ref, registry)
    return default if ref.label == ref.named else ref.label


def default_label(ref: ObjectiveRef, registry: Registry) -> str:
    """Return the short form of the target, or the name of what has none.

    Raises:
        UPOError: As :func:`find_objective`.
    """
    found = find_objective(ref, registry)
    return _shorten(ref.target, found.spec.target_kind) if found and ref.target else ref.named


def _shorten(target: str, kind: TargetKind) -> str:
    match kind:
        case "name":
            return target
        case "path":
            return re.split(r"[/\\]", target.rstrip("/\\"))[-1]
        case "import":
            return re.split(r"[.:]", target)[-1]
        case "url":
            return urlsplit(target).hostname or target
