"""The catalogue of checks, by kind of objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upo_sdk.plugin.specs import ObjectiveKind
    from upo_sdk.testing.check import Check

__all__ = ["checks_for"]


def checks_for(kind: ObjectiveKind) -> tuple[Check, ...]:
    """Return the checks of a kind in the order in which they run; those of preference objectives import torch."""
    from upo_sdk.testing.checks.common import BASICS, MANNERS

    if kind == "auxiliary":
        from upo_sdk.testing.checks.auxiliary import AUXILIARY

        return (*BASICS, *AUXILIARY, *MANNERS)
    from upo_sdk.testing.checks.preference import PREFERENCE

    return (*BASICS, *PREFERENCE, *MANNERS)
