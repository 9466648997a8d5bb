"""Shows what ``upo score`` found: statistics and a histogram of every objective's rewards, and what was written."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from upo_cli.output import Table, console, say

if TYPE_CHECKING:
    from upo_sdk.corpus import RewardSummary, ScoredCorpus

__all__ = ["print_scored"]

_BAR = 40
_ENDS = {0.0: "min", 1.0: "max"}


def print_scored(result: ScoredCorpus) -> None:
    """Print a table of statistics, a histogram per objective, and how many rows were written."""
    out = console()
    quantiles = (_ENDS.get(share, f"{share:.0%}") for share in result.rewards[0].quantiles)
    headers = ("rewards", "completions", "mean", "std", *quantiles)
    out.print(Table(*headers, rows=[_statistics(item) for item in result.rewards]))
    for item in result.rewards:
        out.print()
        out.print(Table(item.label, "completions", "", rows=_bins(item)))
    out.print()
    say(f"wrote {result.written:,} of {result.rows:,} rows to {result.output}{_left_out(result)}")


def _statistics(item: RewardSummary) -> list[str]:
    numbers = (item.mean, item.std, *item.quantiles.values())
    return [item.label, f"{item.count:,}", *(f"{number:.3f}" for number in numbers)]


def _bins(item: RewardSummary) -> list[list[str]]:
    edges, counts = item.histogram.edges, item.histogram.counts
    return [
        [f"{low:.3g} to {high:.3g}", f"{count:,}", "█" * -(-_BAR * count // max(counts))]
        for (low, high), count in zip(pairwise(edges), counts, strict=True)
    ]


def _left_out(result: ScoredCorpus) -> str:
    dropped = result.dropped
    reasons = {
        "do not meet the conditions": dropped.keep,
        "are not the best of their prompt": dropped.best_of,
        "are bad": dropped.bad,
    }
    told = [f"{count:,} {reason}" for reason, count in reasons.items() if count]
    return f"; left out: {', '.join(told)}" if told else ""
