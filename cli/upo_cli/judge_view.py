"""What a judge found, in a few lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from upo_sdk.records import Cost, PositionBias, WinRate

__all__ = ["judge_lines"]


def judge_lines(found: WinRate) -> Iterator[str]:
    """Yield what stands behind the rates: counts, position bias, length, failures and cost."""
    who = found.judge.model or found.judge.target
    what = "baseline's answers" if found.against == "baseline" else "data's chosen responses"
    yield (
        f"judge {who}, against the {what}: {found.wins:,} wins, {found.ties:,} ties, {found.losses:,} losses"
        f"{f' ({found.identical:,} ties of equal answers)' if found.identical else ''}"
    )
    if found.position is not None:
        yield f"  order: {_order(found.position)}"
    if found.length_effect is not None and found.length_difference is not None:
        yield f"  length: {_length(found.length_difference, found.length_effect)}"
    for failure in found.failures:
        pairs = "1 pair" if failure.pairs == 1 else f"{failure.pairs:,} pairs"
        yield f"  not judged: {pairs}, {failure.reason}: {failure.example}"
    for remark in found.remarks:
        yield f"  note: {remark}"
    yield f"  cost: {_cost(found.cost)}"


def _order(position: PositionBias) -> str:
    text = f"swapping the answers changed the winner of {position.inconsistent:.0f} % of the pairs"
    return text if position.first is None else f"{text}; the first answer was preferred in {position.first:.0f} %"


def _length(difference: float, effect: float) -> str:
    liking = "likes" if effect > 0 else "dislikes"
    return f"{difference:+,.0f} characters per answer, and the judge {liking} length ({effect:+.2f} log-odds)"


def _cost(cost: Cost) -> str:
    parts = [f"{cost.requests:,} requests"]
    if cost.cached is not None:
        parts.append(f"{cost.cached:,} verdicts from the cache")
    if cost.prompt_tokens is not None:
        parts.append(f"{cost.prompt_tokens:,} + {cost.completion_tokens or 0:,} tokens")
    parts.append(f"{cost.seconds:,.1f} s")
    if cost.price is not None:
        parts.append(f"price {cost.price:,.4g}")
    return ", ".join(parts)
