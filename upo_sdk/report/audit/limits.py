"""From where on a number is worth a look, or a warning; docs/how-to/read-the-report.md gives the reasons.

They are rules of thumb for the eye, not tests of significance, and no run is judged by them alone.
"""

from __future__ import annotations

__all__ = [
    "ACCURACY_CHANCE",
    "ACCURACY_DROP",
    "ACCURACY_GAP",
    "AGREEMENT",
    "CORRELATION_LOOK",
    "CORRELATION_WARNING",
    "DISTINCT_LOOK",
    "DISTINCT_WARNING",
    "ESS_LOOK",
    "ESS_WARNING",
    "LENGTH_LOOK",
    "LENGTH_WARNING",
    "REPETITION_LOOK",
    "REPETITION_WARNING",
    "SHARE_DROWNED",
    "SHARE_IDLE",
    "SHARE_OF_AUXILIARY",
]

LENGTH_LOOK, LENGTH_WARNING = 1.25, 1.5
"""Mean length after over before, or its inverse. DPO alone lengthens answers by a fifth on usual data."""

REPETITION_LOOK, REPETITION_WARNING = 0.05, 0.15
"""Rise of the share of repeated n-grams within an answer."""

DISTINCT_LOOK, DISTINCT_WARNING = 0.85, 0.6
"""Distinct n-grams over all answers, after over before."""

CORRELATION_LOOK, CORRELATION_WARNING = 0.3, 0.5
"""Size of the correlation of a reward with length: from .3 on, a tenth of its variance is length."""

ESS_LOOK, ESS_WARNING = 0.2, 0.05
"""Effective sample size of the advantage weights, the limits of docs/reference/metrics.md."""

SHARE_IDLE = 0.01
"""Share of the gradient below which an objective teaches nothing that can be seen."""

SHARE_DROWNED = 0.1
"""Share of the gradient of all preference objectives below which the others have drowned them."""

SHARE_OF_AUXILIARY = 0.9
"""Share of the variance of the summed reward from which one auxiliary objective decides alone."""

ACCURACY_CHANCE, ACCURACY_GAP, ACCURACY_DROP = 0.5, 0.2, 0.03
"""Accuracy of the held-out pairs; training above held-out; the last value below the best one of the run."""

AGREEMENT = 0.3
"""Correlation from which two scorers are taken to measure the same thing."""
