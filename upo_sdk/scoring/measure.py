"""Measures of objectives in everyday units, cached by content as rewards are."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.cache import content_key
from upo_sdk.scoring.score import as_needed, content, scorer_identity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from upo_sdk.arrays import FloatArray
    from upo_sdk.cache import ContentCache
    from upo_sdk.objectives import Completion
    from upo_sdk.objectives.guard import Guard
    from upo_sdk.plugin.build import LiveObjective

__all__ = ["measure_completions"]

_BATCH_SIZE = 128


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
    keys = [content_key("measures", 1, scorer, *content(completion)) for completion in needed]

    def measured(missing: Sequence[int]) -> Iterator[dict[int, bytes]]:
        for start in range(0, len(missing), _BATCH_SIZE):
            part = missing[start : start + _BATCH_SIZE]
            found = guard.measures(live, [needed[place] for place in part])
            yield {place: _packed([found[name][n] for name in names]) for n, place in enumerate(part)}

    cache.fill(keys, measured, on_progress, kind="measures")
    known = cache.get(keys)
    values_NM = np.array([_unpacked(known[key]) for key in keys], dtype=np.float64).reshape(len(keys), len(names))
    return {name: values_NM[:, place] for place, name in enumerate(names)}


def _packed(values: Sequence[float]) -> bytes:
    return json.dumps([None if math.isnan(value) else value for value in values]).encode()


def _unpacked(stored: bytes) -> list[float]:
    return [math.nan if value is None else value for value in json.loads(stored)]
