"""What came out of a check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["CheckResult", "Outcome"]

Outcome = Literal["passed", "failed", "expected", "skipped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """The outcome of one check on one objective.

    Attributes:
        name: Name of the check.
        outcome: ``passed``; ``failed``; ``expected`` to fail, and did; ``skipped``, because it does not apply or
            because another failure explains it.
        reason: What failed and how to mend it, or why it was expected or skipped; empty if it passed.
    """

    name: str
    outcome: Outcome
    reason: str = ""
