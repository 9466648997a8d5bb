"""The US school grade that a text asks of its reader."""

from __future__ import annotations

__all__ = ["HIGHEST_GRADE", "clip", "grade"]

HIGHEST_GRADE = 18.0


def clip(value: float, low: float = 0.0, high: float = 1.0) -> float:
    """Return ``value`` or the nearer bound."""
    return min(max(value, low), high)


def grade(text: str) -> float:
    """Return ``textstat.text_standard``, the most frequent verdict of eight English formulas, clipped to [0, 18].

    The formulas are unbounded: one token of 5,000 letters has an Automated Readability Index of 23,529.
    """
    from textstat.textstat import textstatistics

    # An instance of our own: the module-level one carries a language that anyone in the process may have changed.
    return clip(float(textstatistics().text_standard(text, float_output=True)), 0.0, HIGHEST_GRADE)
