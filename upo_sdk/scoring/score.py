"""Label every completion once with an auxiliary objective: in batches, cached by content, resumable."""

from __future__ import annotations

import struct
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.cache import content_key
from upo_sdk.objectives.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from upo_sdk.cache import ContentCache
    from upo_sdk.objectives import Completion
    from upo_sdk.objectives.build import LiveObjective

__all__ = ["score_completions"]

FloatArray = np.ndarray[tuple[int], np.dtype[np.float64]]

_BATCH_SIZE = 128


def score_completions(
    live: LiveObjective,
    completions: Sequence[Completion],
    cache: ContentCache,
    *,
    guard: Guard | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> FloatArray:
    """Return the reward of every completion, float64, in order.

    Equal completions are scored once; every finished batch is stored at once, so a killed run goes on where it was.
    The key holds the objective, its version, code, options and weights, and the whole completion.

    Args:
        live: An auxiliary objective that is set up (and fitted, if it fits).
        completions: What to score.
        cache: Where rewards are kept.
        guard: Calls the objective; by default one without a time limit.
        on_progress: Called with the distinct completions done and their total.

    Raises:
        ObjectiveFailedError: The objective raised, or did not return one finite number per completion.
    """
    guard = guard or Guard()
    scorer = _scorer_identity(live, guard)
    keys = [content_key("reward", 1, scorer, asdict(completion)) for completion in completions]
    known = cache.get(keys)
    missing = list({key: item for key, item in zip(keys, completions, strict=True) if key not in known}.items())
    total = len(known) + len(missing)
    on_progress(len(known), total)
    for start in range(0, len(missing), _BATCH_SIZE):
        part = missing[start : start + _BATCH_SIZE]
        rewards = guard.rewards(live, [completion for _, completion in part])
        new = {key: struct.pack("<d", reward) for (key, _), reward in zip(part, rewards, strict=True)}
        cache.put(new)
        known |= new
        on_progress(len(known), total)
    return np.array([struct.unpack("<d", known[key])[0] for key in keys])


def _scorer_identity(live: LiveObjective, guard: Guard) -> dict[str, object]:
    return {
        "target": live.target,
        "distribution": live.distribution,
        "version": live.version,
        "code": live.target_sha256,
        "options": live.options.model_dump(mode="json") if live.options else {},
        "fingerprint": guard.fingerprint(live),
    }
