"""The audit: signs that a run learned to please its scorers instead of what they stand for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.report.audit.answers import audit_answers
from upo_sdk.report.audit.finding import Finding, Level
from upo_sdk.report.audit.pull import audit_pull
from upo_sdk.report.audit.rewards import audit_rewards

if TYPE_CHECKING:
    from upo_sdk.report.collect import RunReport

__all__ = ["Finding", "Level", "audit"]


def audit(run: RunReport) -> tuple[Finding, ...]:
    """Return what was found, what asks for attention first.

    A cancelled or failed run is audited as far as it got.
    """
    found = (*audit_rewards(run), *audit_answers(run.samples), *audit_pull(run))
    return tuple(sorted(found, key=lambda finding: list(Level).index(finding.level)))
