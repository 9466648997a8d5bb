"""When to try again, and after how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from random import Random

__all__ = ["Backoff", "retry_after", "should_retry"]

_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = range(500, 600)
_FOREVER = {501, 505}  # not implemented, HTTP version not supported: no later attempt can do better


def should_retry(status: int) -> bool:
    """Return whether the same request may succeed later."""
    return status == _TOO_MANY_REQUESTS or (status in _SERVER_ERRORS and status not in _FOREVER)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, given as seconds or as a date; None if it asks for nothing."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())


@dataclass(frozen=True, slots=True)
class Backoff:
    """Exponential backoff with jitter: ``uniform(½, 1) · min(first · 2ᵏ, longest)`` seconds before attempt k + 2.

    Attributes:
        first: Seconds before the first further attempt, at most.
        longest: No wait is longer, whatever the service asks for.
    """

    first: float
    longest: float

    def wait(self, failures: int, asked: float | None, random: Random) -> float:
        """Return how long to wait after so many failures (at least 1); what the service asks for is the least."""
        backoff = random.uniform(0.5, 1.0) * min(self.first * 2.0 ** min(failures - 1, 60), self.longest)
        return min(max(backoff, asked or 0.0), self.longest)
