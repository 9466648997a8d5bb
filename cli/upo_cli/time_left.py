"""How long training still takes, from the steps that were taken."""

from __future__ import annotations

from time import perf_counter

__all__ = ["TimeLeft", "in_words"]


class TimeLeft:
    """Estimates from the mean of the steps so far; the first one, which warms up, counts only while it is alone."""

    def __init__(self) -> None:
        self._seen: list[tuple[int, float]] = []

    def seconds(self, done: int, total: int) -> float | None:
        """Return the seconds left after ``done`` of ``total`` steps; None before a step was taken.

        Call it at every step, beginning with the one that training starts from.
        """
        now = perf_counter()
        if not self._seen or done > self._seen[-1][0]:
            self._seen = [*self._seen[:2], (done, now)]
        if len(self._seen) < 2:  # noqa: PLR2004 - a step lies between two looks
            return None
        (first, started), (last, ended) = self._seen[-2 if len(self._seen) == 2 else 1], self._seen[-1]  # noqa: PLR2004
        return (ended - started) / (last - first) * (total - done)


def in_words(seconds: float) -> str:
    """Return a duration in words."""
    if seconds < 90:  # noqa: PLR2004 - a minute and a half
        return f"{max(1, round(seconds))} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"  # noqa: PLR2004 - an hour and a half
