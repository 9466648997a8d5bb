"""Scoring on a Ray cluster: Ray Data maps blocks of completions over actors that hold a copy of the objective."""

from __future__ import annotations

import json
import logging
import os
from contextlib import contextmanager
from dataclasses import fields
from importlib.util import find_spec
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.cache import raw_keys
from upo_sdk.config import ObjectiveRef, PluginPolicy
from upo_sdk.errors import ConfigError, ObjectiveFailedError, PartlyScoredError
from upo_sdk.objectives import Completion, FittedToData, Parallel
from upo_sdk.objectives.guard import Guard
from upo_sdk.plugin.build import build_objectives
from upo_sdk.plugin.registry import load_registry
from upo_sdk.scoring.score import (
    BATCH_SIZE,
    WINDOW,
    Scored,
    as_needed,
    packed,
    reward_key,
    score_missing,
    scorer_identity,
    stopped,
    unpacked,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
    from contextlib import ExitStack

    from upo_sdk.cache import ContentCache
    from upo_sdk.plugin.build import LiveObjective
    from upo_sdk.ranks import Ranks

__all__ = ["check_ray", "may_leave", "score_on_ray"]

_BLOCK = 4 * BATCH_SIZE
"""Completions that are sent to a worker at a time, and sent again if it dies."""


def check_ray() -> None:
    """Check that Ray Data is installed.

    Raises:
        ConfigError: It is not.
    """
    if find_spec("ray") is None:
        raise ConfigError("Ray is not installed", where="`engine=ray`", fix="pip install 'upo-sdk[ray]'")


def may_leave(live: LiveObjective) -> bool:
    """Return whether copies in other processes give the same rewards: not of one that was fitted to data here."""
    objective = live.objective
    return not isinstance(objective, FittedToData) or (isinstance(objective, Parallel) and objective.parallel)


@contextmanager
def _cluster(workers: int | None) -> Generator[None]:
    """Connect to the cluster that ``RAY_ADDRESS`` names, else start one on this machine, and leave it in the end.

    Nothing is reported to Ray's developers, and nothing is printed.
    """
    ray = _library()
    if ray.is_initialized():
        yield
        return
    size: dict[str, Any] = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers, "include_dashboard": False}
    with _environment(RAY_USAGE_STATS_ENABLED="0", RAY_BACKEND_LOG_LEVEL="fatal"):
        ray.init(log_to_driver=False, logging_level=logging.ERROR, **size)
    try:
        yield
    finally:
        ray.shutdown()


def _library() -> Any:
    import ray.data  # pyright: ignore[reportMissingImports, reportUnusedImport]

    return ray


@contextmanager
def _environment(**defaults: str) -> Generator[None]:
    """Set variables that are not set while Ray starts, which takes such settings from nowhere else."""
    added = {name: value for name, value in defaults.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def score_on_ray(
    live: LiveObjective,
    completions: Sequence[Completion],
    cache: ContentCache,
    *,
    plugins: PluginPolicy,
    workers: int | None,
    guard: Guard,
    on_progress: Callable[[int, int], None],
    until_the_end: ExitStack,
) -> Scored:
    """Return the reward of every completion, as ``score_completions`` does, from the same cache.

    What is not known is sent to the workers in blocks. Every block that comes back is stored at once. If a worker
    dies, Ray starts another one and sends it the blocks that did not come back.

    Args:
        live: An auxiliary objective that is set up, of which :func:`may_leave` is true.
        completions: What to score; read once to look them up, and once to send those that are not known.
        cache: Where rewards are kept; only this process reads and writes it.
        plugins: Which plugins the workers load.
        workers: How many; by default one per core of the cluster.
        guard: Calls the objective where a worker could not score.
        on_progress: Called with the distinct completions done and their total.
        until_the_end: Leaves the cluster, which is asked for if something is to be scored.

    Raises:
        ObjectiveFailedError: The objective raised, or did not return one finite number per completion.
    """
    needs, total, reached = live.objective.needs, len(completions), 0
    scorer = scorer_identity(live, guard.fingerprint(live))
    keys = (reward_key(scorer, as_needed(completion, needs)) for completion in completions)
    keys_N = np.fromiter(keys, "S32", total)
    hello = {
        "ref": live.ref.model_dump_json(),
        "plugins": plugins.model_dump_json(),
        "scorer": json.dumps(scorer, sort_keys=True),
        "seconds": guard.seconds,
    }

    def score_here(batches: list[list[Completion]]) -> Iterator[list[float]]:
        return (guard.rewards(live, batch) for batch in batches)

    def compute(missing: Sequence[int], ranks: Ranks) -> Iterator[dict[int, bytes]]:
        until_the_end.enter_context(_cluster(workers))
        needed = (as_needed(completion, needs) for completion in completions)
        for places, rewards, problem in _mapped(_blocks(needed, missing, total), hello, workers):
            if not problem:
                yield packed(places, dict(enumerate(rewards)))
                continue
            guard.report(f"'{live.label}' scores a batch here, because a Ray worker could not: {problem}")
            window = {place: as_needed(completions[place], needs) for place in places}
            yield from score_missing(score_here, window, places, ranks)

    def report(done: int, distinct: int) -> None:
        nonlocal reached
        reached = done
        on_progress(done, distinct)

    try:
        filled = cache.fill(keys_N, compute, report, kind="rewards")
    except PartlyScoredError as error:
        raise stopped(live, error, reached, total) from error
    rewards_N = np.empty(total)
    for start in range(0, total, WINDOW):
        rewards_N[start : start + WINDOW] = unpacked(raw_keys(keys_N[start : start + WINDOW]), cache)
    return Scored(rewards_N, filled)


def _blocks(completions: Iterable[Completion], missing: Sequence[int], total: int) -> Iterator[Any]:
    """Yield Arrow tables of completions with their places, the longest of a window first."""
    import pyarrow as pa

    wanted_N = np.zeros(total, dtype=bool)
    wanted_N[missing] = True
    chosen = ((place, item) for place, item in enumerate(completions) if wanted_N[place])
    while window := sorted(islice(chosen, WINDOW), key=lambda pair: -len(pair[1].response)):
        for start in range(0, len(window), _BLOCK):
            part = window[start : start + _BLOCK]
            texts = [json.dumps([getattr(item, field.name) for field in fields(item)]) for _, item in part]
            yield pa.table({"place": [place for place, _ in part], "completion": texts})


def _mapped(
    blocks: Iterable[Any], hello: dict[str, Any], workers: int | None
) -> Iterator[tuple[list[int], list[float], str]]:
    """Yield the places and rewards of every batch as it comes back, or what was wrong with it."""
    ray = _library()
    logging.getLogger("ray.data").setLevel(logging.ERROR)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    size = workers or max(1, int(ray.cluster_resources()["CPU"]))
    scored = ray.data.from_arrow_refs([ray.put(block) for block in blocks]).map_batches(
        _Copy,
        fn_constructor_kwargs=hello,
        batch_size=BATCH_SIZE,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=size),
    )
    for batch in scored.iter_batches(batch_size=None, batch_format="pyarrow"):
        for row in batch.to_pylist():
            yield row["places"], row["rewards"], row["problem"]


class _Copy:
    """A copy of an objective in a worker, which answers a batch with one row: places, rewards, and what was wrong."""

    def __init__(self, ref: str, plugins: str, scorer: str, seconds: float | None) -> None:
        self._ref, self._plugins, self._scorer = ref, plugins, scorer
        self._guard = Guard(seconds)
        self._live: LiveObjective | None = None

    def __call__(self, batch: Any) -> Any:
        import pyarrow as pa

        items = [Completion(*json.loads(text)) for text in batch["completion"].to_pylist()]
        rewards, problem = list[float](), ""
        try:
            rewards = self._guard.rewards(self._own(), items)
        except Exception as error:  # noqa: BLE001 - the driver scores the batch itself, and meets and names it
            problem = str(error) or type(error).__name__
        kinds = {"places": pa.list_(pa.int64()), "rewards": pa.list_(pa.float64()), "problem": pa.string()}
        row = {"places": batch["place"].to_pylist(), "rewards": rewards, "problem": problem}
        return pa.Table.from_pylist([row], pa.schema(kinds))

    def _own(self) -> LiveObjective:
        """Return the copy, which is built for the first batch."""
        if self._live is None:
            registry = load_registry(PluginPolicy.model_validate_json(self._plugins)).check()
            (live,) = build_objectives([ObjectiveRef.model_validate_json(self._ref)], registry)
            live.objective.setup("cpu")
            if json.dumps(scorer_identity(live, self._guard.fingerprint(live)), sort_keys=True) != self._scorer:
                raise ObjectiveFailedError("the copy of the objective is another version", where=live.place)
            self._live = live
        return self._live
