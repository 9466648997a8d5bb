"""From replies to the result: counts, rates, position bias, failures and cost."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.evaluation.judge.questions import template_sha256
from upo_sdk.evaluation.judge.rates import length_controlled, length_differences, win_rate
from upo_sdk.records import Cost, Failure, JudgeIdentity, PositionBias, WinRate

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from upo_sdk.arrays import FloatArray
    from upo_sdk.config.judge import JudgeConfig
    from upo_sdk.evaluation.judge.asking import Asked
    from upo_sdk.evaluation.judge.questions import Pair, Reply


__all__ = ["Found", "failures_of", "position_bias", "remarks_on", "summarize"]

_MILLION = 1e6
_LITTLE_MASS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Outcome of each pair, NaN where it failed, and what it took."""

    score_N: FloatArray
    requests: int
    cached: int | None = None
    template: str | None = None
    position: PositionBias | None = None
    failures: tuple[Failure, ...] = ()
    new: tuple[Reply, ...] = ()
    remarks: list[str] = field(default_factory=list[str])


def position_bias(straight: Sequence[Reply], swapped: Sequence[Reply]) -> PositionBias | None:
    """Return how much the order mattered; None if no pair was judged in both orders."""
    complete = [(a.verdict, b.verdict) for a, b in zip(straight, swapped, strict=True) if a.verdict and b.verdict]
    if not complete:
        return None
    contradictory = sum(pair in {("first", "first"), ("second", "second")} for pair in complete)
    decided = [verdict for pair in complete for verdict in pair if verdict != "tie"]
    return PositionBias(
        inconsistent=100 * contradictory / len(complete),
        first=100 * decided.count("first") / len(decided) if decided else None,
    )


def failures_of(straight: Sequence[Reply], swapped: Sequence[Reply]) -> tuple[Failure, ...]:
    """Count failed pairs by the reason of the first question that failed; the most frequent first."""
    found = defaultdict[str, list[str]](list)
    for both in zip(straight, swapped, strict=True):
        failed = next((reply for reply in both if reply.verdict is None), None)
        if failed is not None:
            found[failed.failure].append(failed.example)
    ordered = sorted(found.items(), key=lambda item: (-len(item[1]), item[0]))
    return tuple(Failure(reason=reason, pairs=len(texts), example=texts[0]) for reason, texts in ordered)


def remarks_on(asked: Asked) -> list[str]:
    """Return what a reader of the rate should know."""
    remarks = [f"judging ended early: {asked.stopped}"] if asked.stopped else []
    masses = [reply.mass for reply in asked.replies if reply.mass is not None]
    if masses and (mean := float(np.mean(masses))) < _LITTLE_MASS:
        remarks.append(
            f"only {mean:.0%} of the judge's probability was on A, B and tie: it does not answer the question well"
        )
    return remarks


def summarize(pairs: Sequence[Pair], config: JudgeConfig, found: Found, *, seconds: float) -> WinRate:
    """Return rates with intervals, counts and cost."""
    score_N = found.score_N
    judged = np.flatnonzero(~np.isnan(score_N)).tolist()
    judged_pairs, score_J = [pairs[position] for position in judged], score_N[judged]
    prompts, differences_J = [pair.prompt for pair in judged_pairs], length_differences(judged_pairs)
    controlled = length_controlled(score_J, differences_J, prompts)
    return WinRate(
        judge=JudgeIdentity(
            kind=config.kind,
            target=config.target,
            model=config.model,
            template_sha256=template_sha256(found.template) if found.template else None,
            threshold=config.threshold,
        ),
        against=config.against,
        pairs=len(judged_pairs),
        wins=int((score_J == 1).sum()),
        ties=int((score_J == 0.5).sum()),  # noqa: PLR2004 - half a win
        losses=int((score_J == 0).sum()),
        identical=sum(pair.identical for pair in pairs),
        win_rate=win_rate(score_J, prompts),
        length_controlled=controlled.rate if controlled else None,
        length_effect=controlled.effect if controlled else None,
        length_difference=float(differences_J.mean()) if judged_pairs else None,
        position=found.position,
        cost=_cost(config, found, seconds),
        failures=found.failures,
        remarks=(*found.remarks, *(_extrapolation(differences_J) if controlled else ())),
    )


def _extrapolation(differences_J: FloatArray) -> tuple[str, ...]:
    for word, all_so in (("longer", (differences_J > 0).all()), ("shorter", (differences_J < 0).all())):
        if len(differences_J) and all_so:
            return (f"every answer is {word} than the other one: the rate at equal length is extrapolated",)
    return ()


def _cost(config: JudgeConfig, found: Found, seconds: float) -> Cost:
    prompt = _total(reply.prompt_tokens for reply in found.new)
    completion = _total(reply.completion_tokens for reply in found.new)
    prices = ((config.prompt_price, prompt), (config.completion_price, completion))
    known = [price * tokens / _MILLION for price, tokens in prices if price is not None and tokens is not None]
    return Cost(
        requests=found.requests,
        cached=found.cached,
        prompt_tokens=prompt,
        completion_tokens=completion,
        seconds=seconds,
        price=sum(known) if known else None,
    )


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
