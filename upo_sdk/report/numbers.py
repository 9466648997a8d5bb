"""How numbers are written on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.records import Estimate

__all__ = ["number", "percent", "reward", "signed", "span", "span_of", "unbroken", "with_interval"]

_NONE = "–"
_PERCENT = "\u00a0%"  # not parted at the end of a line
_MINUS = "−"


def number(value: float | None, *, percent: bool = False) -> str:
    """Return three digits that count, such as ``0.0123``, ``1,230`` or, as a share, ``12.3 %``."""
    if value is None:
        return _NONE
    if percent:
        return f"{100 * value:.1f}{_PERCENT}".replace("-", _MINUS)
    if value == int(value) and abs(value) < 1e15:  # noqa: PLR2004 - beyond it floats skip whole numbers
        return f"{int(value):,}".replace("-", _MINUS)
    written = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"  # noqa: PLR2004
    return written.replace("-", _MINUS)


def percent(value: float | None) -> str:
    """Return a share as whole per cent, with a decimal below one per cent."""
    if value is None:
        return _NONE
    digits = 0 if abs(value) >= 0.01 or value == 0 else 1  # noqa: PLR2004
    return f"{100 * value:.{digits}f}{_PERCENT}".replace("-", _MINUS)


def reward(value: float | None) -> str:
    """Return a mean reward with three decimals, so that rows of a table line up."""
    return _NONE if value is None else f"{value:,.3f}".replace("-", _MINUS)


def signed(value: float | None) -> str:
    """Return a difference with its sign and two decimals, more if they would all be zero."""
    if value is None:
        return _NONE
    digits = 2 if abs(value) >= 0.005 or value == 0 else 4  # noqa: PLR2004
    return f"{value:+.{digits}f}".replace("-", _MINUS)


def span(interval: tuple[float, float] | None) -> str:
    """Return an interval of differences."""
    if interval is None:
        return "no interval"
    return f"{signed(interval[0])} to {signed(interval[1])}"


def span_of(value: Estimate) -> str:
    """Return the interval of a mean."""
    return " to ".join(map(number, value.interval)) if value.interval else "no interval"


def with_interval(value: Estimate | None, write: Callable[[float], str] = number) -> str:
    """Return a mean with its interval, if there is one."""
    if value is None:
        return _NONE
    return f"{write(value.mean)} ({' to '.join(map(write, value.interval))})" if value.interval else write(value.mean)


def unbroken(sentence: str) -> str:
    """Return a sentence whose per cent signs stay with their numbers."""
    return sentence.replace(" %", _PERCENT)
