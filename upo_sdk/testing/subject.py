"""The objective under test: how to make fresh ones, and what is declared about it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from upo_sdk.objectives import FittedToData, Needs
from upo_sdk.testing.samples import ORDINARY, as_the_engine_would

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from pydantic import BaseModel

    from upo_sdk.objectives import Completion
    from upo_sdk.plugin.specs import ObjectiveKind, ObjectiveSpec

__all__ = ["Subject"]


@dataclass(frozen=True, kw_only=True)
class Subject:
    """An objective under test.

    Attributes:
        label: What it is called in messages.
        kind: ``preference`` or ``auxiliary``.
        build: Makes a fresh one, not yet set up.
        spec: What was registered about it, if it was.
        options: Its options, if it takes any.
        recipe: How another process makes the same one, as JSON; None where it cannot.
        hook_module: The module that registers it, if it is known.
        samples: Ordinary completions to score.
    """

    label: str
    kind: ObjectiveKind
    build: Callable[[], Any]
    spec: ObjectiveSpec | None = None
    options: BaseModel | None = None
    recipe: Mapping[str, Any] | None = None
    hook_module: str | None = None
    samples: Sequence[Completion] = field(default=ORDINARY)

    @cached_property
    def needs(self) -> Needs:
        """What it asks for; nothing, if it does not say so, which is a failure of its own."""
        needs = getattr(self.build(), "needs", None)
        return needs if isinstance(needs, Needs) else Needs()

    @property
    def completions(self) -> list[Completion]:
        """The samples with what the objective asks for, and nothing else."""
        return as_the_engine_would(self.samples, self.needs)

    @contextmanager
    def in_use(self, training: Sequence[Completion] | None = None) -> Generator[Any]:
        """Make, set up, fit (if it fits) and finally close an objective.

        Args:
            training: What it is fitted to; the samples by default.
        """
        objective = self.build()
        objective.setup("cpu")
        try:
            self.fit(objective, training)
            yield objective
        finally:
            objective.close()

    def fit(self, objective: Any, training: Sequence[Completion] | None = None) -> None:
        """Fit an objective, if it fits, to the samples or to other completions."""
        if isinstance(objective, FittedToData):
            objective.fit(self.completions if training is None else training)

    def hint(self) -> str:
        """Return what to add to the advice if columns were made up, or nothing."""
        if self.kind == "preference":
            return ""
        made_up = sorted(name for name in self.needs.columns if any(name not in item.columns for item in self.samples))
        if not made_up:
            return ""
        return f"; the column(s) {', '.join(made_up)} were made up: give completions=[Completion(..., columns)]"
