"""The audit: signs that a run learned to please its scorers instead of what they stand for."""

from upo_sdk.report.audit.audit import audit
from upo_sdk.report.audit.finding import Finding, Level

__all__ = ["Finding", "Level", "audit"]
