"""What becomes of a run whose auxiliary objective fails outside training: it stops, or goes on without it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from upo_sdk.errors import CancelledError, ObjectiveFailedError, UPOError
from upo_sdk.records import LeftOut

if TYPE_CHECKING:
    from collections.abc import Generator

    from upo_sdk.context import RunContext
    from upo_sdk.plan import RunPlan
    from upo_sdk.plugin.build import LiveObjective

__all__ = ["ObjectiveFailures"]


@dataclass(frozen=True, slots=True)
class ObjectiveFailures:
    """Decides over failures and remembers what was left out.

    Attributes:
        may_skip: Whether ``plugins.on_failure`` asks to go on without an objective that fails.
        skipped: What was left out and why, for the record of the run.
    """

    may_skip: bool
    context: RunContext
    skipped: list[LeftOut] = field(default_factory=list[LeftOut])

    @contextmanager
    def of(self, item: LiveObjective) -> Generator[None]:
        """Leave an auxiliary objective out of the run if it fails in here, where that was asked for."""
        try:
            yield
        except CancelledError:
            raise
        except UPOError as error:
            if item.is_preference or not self.may_skip:
                raise
            self.context.warn(f"'{item.label}' of {item.origin} failed and is left out of this run: {error.what}")
            self.skipped.append(LeftOut(label=item.label, place=item.place, error=error.what))

    def without_skipped(self, plan: RunPlan) -> RunPlan:
        """Return the plan of what is left."""
        out = {entry.label for entry in self.skipped}
        kept, held_out = (
            tuple(item for item in group if item.label not in out) for group in (plan.objectives, plan.held_out)
        )
        return replace(plan, objectives=kept, held_out=held_out)

    @contextmanager
    def of_comparison(self, *, saved: bool) -> Generator[None]:
        """Leave the comparison of answers out if an objective fails on them: where asked for, or if all is saved."""
        try:
            yield
        except ObjectiveFailedError as error:
            if not saved and not self.may_skip:
                raise
            self.context.warn(f"the answers are not compared: {error.what} ({error.where})")
