"""Small objectives with one mistake each, the check that catches it, and the good ones they were made from.

A mutant is a class with ``caught_by``, the check that is meant to fail, and ``also``, what fails besides. Its docstring
says what is wrong. A class without ``caught_by`` passes everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from upo_sdk.plugin import ObjectiveSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["MODULES", "Example", "examples"]

MODULES = (
    "wrong_protocol",
    "wrong_options",
    "wrong_scores",
    "wrong_independence",
    "wrong_fingerprints",
    "wrong_manners",
    "wrong_losses",
    "wrong_batches",
)


@dataclass(frozen=True)
class Example:
    """One objective; a mutant if ``caught_by`` is set."""

    spec: ObjectiveSpec
    mistake: str
    caught_by: str | None
    also: tuple[str, ...]

    @property
    def failures(self) -> set[str]:
        """The names of all checks that fail."""
        return {*self.also, self.caught_by} if self.caught_by else set()


def examples() -> list[Example]:
    """Return every mutant and every good objective, in the order of the files."""
    return [example for module in MODULES for example in _examples_of(module)]


def _examples_of(module: str) -> Iterator[Example]:
    for name, found in vars(import_module(module)).items():
        if isinstance(found, type) and found.__module__ == module and not name.startswith("_") and _is_objective(found):
            yield _example(found)


def _is_objective(found: Any) -> bool:
    return hasattr(found, "setup")


def _example(found: Any) -> Example:
    spec = ObjectiveSpec(
        name=re.sub(r"(?<!^)(?=[A-Z])", "-", found.__name__).lower(),
        kind="preference" if hasattr(found, "loss") else "auxiliary",
        target=f"{found.__module__}:{found.__name__}",
        options=vars(found).get("options_target"),
        bounds=(0.0, 1.0) if hasattr(found, "rewards") else None,
    )
    own = vars(found)
    mistake = (found.__doc__ or "").partition("\n")[0].rstrip(".")
    return Example(spec, mistake, own.get("caught_by"), own.get("also", ()))
