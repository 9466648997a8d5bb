"""Label every completion once with an auxiliary objective: in batches, cached by content, resumable."""

from __future__ import annotations

import struct
from dataclasses import asdict
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.cache import content_key
from upo_sdk.errors import ObjectiveFailedError, PartlyScoredError, UPOError
from upo_sdk.objectives import Completion, Fingerprinted, Options

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import BaseModel

    from upo_sdk.cache import ContentCache
    from upo_sdk.objectives import Needs
    from upo_sdk.objectives.build import LiveObjective

__all__ = ["score_completions"]

FloatArray = np.ndarray[tuple[int], np.dtype[np.float64]]

_BATCH_SIZE = 128


def score_completions(
    live: LiveObjective,
    completions: Sequence[Completion],
    cache: ContentCache,
    *,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> FloatArray:
    """Return the reward of every completion, float64, in order.

    Equal completions are scored once; every finished batch is stored at once, so a killed run goes on where it was.
    The key holds the objective, its version, code, options and weights, and what it needs of the completion: nothing
    else is handed over, so that one objective's needs change no other's scores.

    Args:
        live: An auxiliary objective that is set up (and fitted, if it fits).
        completions: What to score.
        cache: Where rewards are kept.
        on_progress: Called with the distinct completions done and their total.

    Raises:
        ObjectiveFailedError: The objective raised, or did not return one finite number per completion.
    """
    completions = [_as_needed(completion, live.objective.needs) for completion in completions]
    scorer = _scorer_identity(live)
    keys = [content_key("reward", 1, scorer, asdict(completion)) for completion in completions]
    known = cache.get(keys)
    missing = list({key: item for key, item in zip(keys, completions, strict=True) if key not in known}.items())
    total = len(known) + len(missing)
    on_progress(len(known), total)
    for start in range(0, len(missing), _BATCH_SIZE):
        part = missing[start : start + _BATCH_SIZE]
        try:
            rewards = dict(enumerate(_rewards(live, [completion for _, completion in part])))
        except PartlyScoredError as error:
            scored = {n: reward for n, reward in error.rewards.items() if n < len(part) and np.isfinite(reward)}
            cache.put(_packed(part, scored))
            raise _stopped(live, error, len(known) + len(scored), total) from error
        new = _packed(part, rewards)
        cache.put(new)
        known |= new
        on_progress(len(known), total)
    return np.array([struct.unpack("<d", known[key])[0] for key in keys])


def _as_needed(completion: Completion, needs: Needs) -> Completion:
    wanted = needs.columns | needs.score_columns
    return Completion(
        completion.prompt,
        completion.response,
        {name: value for name, value in completion.columns.items() if name in wanted},
        completion.token_count if needs.token_counts else None,
        completion.prompt_messages if needs.messages else None,
        completion.response_messages if needs.messages else None,
    )


def _packed(part: Sequence[tuple[bytes, Completion]], rewards: Mapping[int, float]) -> dict[bytes, bytes]:
    return {part[index][0]: struct.pack("<d", reward) for index, reward in rewards.items()}


def _scorer_identity(live: LiveObjective) -> dict[str, object]:
    objective = live.objective
    return {
        "target": live.target,
        "distribution": live.distribution,
        "version": live.version,
        "code": live.target_sha256,
        "options": _scoring_options(live.options) if live.options else {},
        "fingerprint": dict(objective.fingerprint()) if isinstance(objective, Fingerprinted) else {},
    }


def _scoring_options(options: BaseModel) -> dict[str, object]:
    operational = options.operational if isinstance(options, Options) else ()
    return options.model_dump(mode="json", exclude=set(operational))


def _rewards(live: LiveObjective, completions: list[Completion]) -> list[float]:
    try:
        returned = live.auxiliary.rewards(completions)
    except UPOError:
        raise
    except Exception as error:
        raise _failed(live, f"raised {type(error).__name__}: {error}") from error
    try:
        rewards = [float(reward) for reward in returned]
    except (TypeError, ValueError) as error:
        raise _failed(live, f"returned something that is not a list of numbers: {error}") from error
    if len(rewards) != len(completions):
        raise _failed(live, f"returned {len(rewards)} rewards for {len(completions)} completions")
    for reward, completion in zip(rewards, completions, strict=True):
        if not np.isfinite(reward):
            raise _failed(live, f"returned {reward} for the response {completion.response[:60]!r}")
    return rewards


def _stopped(live: LiveObjective, error: PartlyScoredError, kept: int, total: int) -> ObjectiveFailedError:
    return ObjectiveFailedError(
        f"the objective '{live.label}' stopped at {kept:,} of {total:,} completions: {error.what}",
        where=error.where,
        fix=f"{error.fix or 'mend it'}; the {kept:,} are kept: run the same command again to go on",
    )


def _failed(live: LiveObjective, what: str) -> ObjectiveFailedError:
    return ObjectiveFailedError(
        f"the objective '{live.label}' {what}",
        where=f"{live.target} of {live.distribution} {live.version}".rstrip(),
        fix="what was scored before is kept; mend the objective or leave it out, then run the same command again",
    )
