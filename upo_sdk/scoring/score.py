"""What an objective says of every completion, asked once: rewards and measures, in batches, cached by content."""

from __future__ import annotations

import json
import math
import struct
from contextlib import ExitStack
from dataclasses import dataclass, fields
from functools import partial
from itertools import islice
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.cache import Filled, content_key
from upo_sdk.errors import ObjectiveFailedError, PartlyScoredError
from upo_sdk.objectives import Completion, Options, Parallel
from upo_sdk.objectives.guard import Guard
from upo_sdk.scoring.pool import ScoringPool, available_cores

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from upo_sdk.arrays import FloatArray
    from upo_sdk.cache import ContentCache
    from upo_sdk.objectives import Needs
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.ranks import Ranks

__all__ = [
    "BATCH_SIZE",
    "WINDOW",
    "Scored",
    "as_needed",
    "measure_completions",
    "packed",
    "reward_key",
    "score_completions",
    "score_missing",
    "scorer_identity",
    "stopped",
    "unpacked",
]

BATCH_SIZE = 128

WINDOW = 64 * BATCH_SIZE
"""Completions that are in memory at a time."""


@dataclass(frozen=True, slots=True)
class Scored:
    """The rewards of completions.

    Attributes:
        rewards: One per completion, float64, in order.
        filled: How many of them were known; equal completions count once.
    """

    rewards: FloatArray
    filled: Filled


def score_completions(
    live: LiveObjective,
    completions: Sequence[Completion],
    cache: ContentCache,
    *,
    workers: int | None = None,
    alone_seconds: float = 2.0,
    guard: Guard | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Scored:
    """Return the reward of every completion.

    Equal completions are scored once; every finished batch is stored at once, so a killed run resumes where it stopped.
    The key holds the objective, its version, code, options and weights, and what it needs of the completion: nothing
    else is handed over, so that one objective's needs change no other's scores.

    Args:
        live: An auxiliary objective that is set up (and fitted, if it fits).
        completions: What to score; read once, from its beginning to its end.
        cache: Where rewards are kept.
        workers: Processes for an objective that is :class:`Parallel`; by default as many as there are cores.
        alone_seconds: How long the rest may take in this process, by its last batch, before the others are started: the
            first batch may load word lists.
        guard: Calls the objective; by default one without a time limit.
        on_progress: Called with the completions done and their total.

    Raises:
        ObjectiveFailedError: The objective raised, or did not return one finite number per completion.
    """
    guard = guard or Guard()
    total, reached, needs = len(completions), 0, live.objective.needs
    fingerprint = guard.fingerprint(live)
    scorer, remaining, rewards_N = scorer_identity(live, fingerprint), iter(completions), np.empty(total)
    filled, start = Filled(), 0
    window: list[Completion] = []

    def report(done: int, distinct: int) -> None:
        nonlocal reached
        reached = start + len(window) - (distinct - done)
        on_progress(reached, total)

    with _Scorer(live, fingerprint, guard, workers, alone_seconds) as score:
        while window := [as_needed(completion, needs) for completion in islice(remaining, WINDOW)]:
            keys = [reward_key(scorer, completion) for completion in window]
            try:
                filled += cache.fill(keys, partial(score_missing, score, window), report, kind="rewards")
            except PartlyScoredError as error:
                raise stopped(live, error, reached, total) from error
            end = start + len(window)
            rewards_N[start:end] = unpacked(keys, cache)
            start = end
    return Scored(rewards_N, filled)


def score_missing(
    score: Callable[[list[list[Completion]]], Iterator[list[float]]],
    window: Sequence[Completion] | Mapping[int, Completion],
    missing: Sequence[int],
    ranks: Ranks,
) -> Iterator[dict[int, bytes]]:
    """Yield the packed rewards of every batch, the longest completions first; of one that fails, those it has."""
    by_length = sorted(missing, key=lambda place: -len(window[place].response))
    parts = ranks.share([by_length[start : start + BATCH_SIZE] for start in range(0, len(by_length), BATCH_SIZE)])
    scoring = score([[window[place] for place in part] for part in parts])
    for part in parts:
        try:
            rewards = next(scoring)
        except PartlyScoredError as error:
            yield packed(part, {n: reward for n, reward in error.rewards.items() if np.isfinite(reward)})
            raise
        yield packed(part, dict(enumerate(rewards)))


def packed(part: Sequence[int], rewards: Mapping[int, float]) -> dict[int, bytes]:
    """Return rewards as they are stored: those of a part, by their position in it, by the positions that it holds."""
    return {part[n]: struct.pack("<d", reward) for n, reward in rewards.items() if n < len(part)}


def unpacked(keys: Sequence[bytes], cache: ContentCache) -> list[float]:
    """Return the rewards that are stored under some keys."""
    known = cache.get(keys)
    return [struct.unpack("<d", known[key])[0] for key in keys]


class _Scorer(ExitStack):
    """Scores batches in this process until that proves slow, then in several."""

    def __init__(
        self,
        live: LiveObjective,
        fingerprint: Mapping[str, str],
        guard: Guard,
        workers: int | None,
        alone_seconds: float,
    ) -> None:
        super().__init__()
        self._live, self._fingerprint, self._guard = live, fingerprint, guard
        self._alone_seconds = alone_seconds
        may_spread = isinstance(live.objective, Parallel) and live.objective.parallel
        self._workers = (available_cores() if workers is None else workers) if may_spread else 1
        self._pool: ScoringPool | None = None

    def __call__(self, batches: list[list[Completion]]) -> Iterator[list[float]]:
        """Yield the rewards of every batch, in order."""
        seconds = 0.0
        for done, batch in enumerate(batches):
            takes_long = done > 1 and seconds * (len(batches) - done) > self._alone_seconds
            if self._pool is None and self._workers > 1 and takes_long:
                pool = ScoringPool(self._live, self._fingerprint, self._workers, seconds=self._guard.seconds)
                self._pool = self.enter_context(pool)
            if self._pool is not None:
                rest = batches[done:]
                for later, rewards in zip(rest, self._pool.map(rest), strict=True):
                    if rewards is None:  # scored here, so that what goes wrong is met and named
                        yield self._guard.rewards(self._live, later)
                    else:
                        yield self._guard.checked(self._live, later, rewards)
                return
            started = perf_counter()
            rewards = self._guard.rewards(self._live, batch)
            seconds = perf_counter() - started
            yield rewards


def stopped(live: LiveObjective, error: PartlyScoredError, kept: int, total: int) -> ObjectiveFailedError:
    """Return the error of an objective that had scored some completions before it failed."""
    return ObjectiveFailedError(
        f"the objective '{live.label}' stopped at {kept:,} of {total:,} completions: {error.what}",
        where=error.where,
        fix=f"{error.fix or 'fix it'}; the {kept:,} are kept: run the same command again to resume",
    )


def as_needed(completion: Completion, needs: Needs) -> Completion:
    """Return a completion with nothing but what the objective asks for."""
    wanted = needs.columns | needs.score_columns
    return Completion(
        completion.prompt,
        completion.response,
        {name: value for name, value in completion.columns.items() if name in wanted},
        completion.token_count if needs.token_counts else None,
        completion.prompt_messages if needs.messages else None,
        completion.response_messages if needs.messages else None,
    )


def reward_key(scorer: Mapping[str, object], completion: Completion) -> bytes:
    """Return the key under which a reward is kept.

    Args:
        scorer: What :func:`scorer_identity` returns.
        completion: With nothing but what the objective asks for.
    """
    return content_key("reward", 2, scorer, *_content(completion))


def _content(completion: Completion) -> tuple[object, ...]:
    """Return the values of a completion, for a content key."""
    return tuple(getattr(completion, field.name) for field in fields(completion))


def scorer_identity(live: LiveObjective, fingerprint: Mapping[str, str]) -> dict[str, object]:
    """Return what the scores of an objective depend on besides the completion."""
    operational = live.options.operational if isinstance(live.options, Options) else ()
    return {
        "target": live.target,
        "distribution": live.distribution,
        "version": live.version,
        "code": live.target_sha256,
        "options": live.options.model_dump(mode="json", exclude=set(operational)) if live.options else {},
        "fingerprint": fingerprint,
    }


def measure_completions(
    live: LiveObjective,
    completions: Sequence[Completion],
    cache: ContentCache,
    *,
    guard: Guard,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, FloatArray]:
    """Return every measure of an objective by name, one float64 per completion; NaN where it does not apply.

    Every finished batch is stored at once. An objective that measures nothing gives an empty mapping.

    Args:
        live: An auxiliary objective that is set up (and fitted, if it fits).
        completions: What to measure.
        cache: Where measures are kept.
        guard: Calls the objective.
        on_progress: Called with the distinct completions done and their total.

    Raises:
        ObjectiveFailedError: The objective raised, or did not return one number per completion and name.
    """
    names = list(guard.measures(live, []))
    if not names:
        return {}
    needs, scorer = live.objective.needs, scorer_identity(live, guard.fingerprint(live))
    needed = [as_needed(completion, needs) for completion in completions]
    keys = [content_key("measures", 1, scorer, *_content(completion)) for completion in needed]

    def measured(missing: Sequence[int], ranks: Ranks) -> Iterator[dict[int, bytes]]:
        for start in ranks.share(range(0, len(missing), BATCH_SIZE)):
            part = missing[start : start + BATCH_SIZE]
            found = guard.measures(live, [needed[place] for place in part])
            yield {place: _stored([found[name][n] for name in names]) for n, place in enumerate(part)}

    cache.fill(keys, measured, on_progress, kind="measures")
    known = cache.get(keys)
    values_NM = np.array([_measured(known[key]) for key in keys], dtype=np.float64).reshape(len(keys), len(names))
    return {name: values_NM[:, place] for place, name in enumerate(names)}


def _stored(values: Sequence[float]) -> bytes:
    return json.dumps([None if math.isnan(value) else value for value in values]).encode()


def _measured(stored: bytes) -> list[float]:
    return [math.nan if value is None else value for value in json.loads(stored)]
