"""A local reward model as a judge: the answer with the higher reward wins."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.config import ObjectiveRef
from upo_sdk.objectives import Completion
from upo_sdk.objectives.guard import Guard
from upo_sdk.plugin.build import build_objectives
from upo_sdk.plugin.registry import load_registry
from upo_sdk.scoring import score_completions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from upo_sdk.arrays import FloatArray
    from upo_sdk.cache import ContentCache
    from upo_sdk.config.judge import JudgeConfig
    from upo_sdk.evaluation.judge.questions import Pair
    from upo_sdk.plugin.registry import Registry

__all__ = ["reward_outcomes"]


def reward_outcomes(
    pairs: Sequence[Pair],
    config: JudgeConfig,
    cache: ContentCache,
    *,
    device: str,
    registry: Registry | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> FloatArray:
    """Return 1 for a win of the model's answer, ½ for a tie, 0 for a loss, shape [N].

    The model is the objective ``hf`` with the options that the target may have: ``hf:MODEL,input=pair``. Rewards are
    kept in the cache of scores.

    Raises:
        ModelError: It cannot be loaded.
        OfflineError: It would have to be downloaded, and the network is out of reach.
        ObjectiveRefError: It has several outputs and none is named, or an option is wrong.
    """
    (live,) = build_objectives([ObjectiveRef.model_validate(config.target)], registry or load_registry())
    completions = [Completion(pair.prompt, text) for pair in pairs for text in (pair.answer, pair.other)]
    guard = Guard()
    with guard.set_up(live, device):
        rewards = score_completions(live, completions, cache, guard=guard, on_progress=on_progress).rewards
    margins = rewards[0::2] - rewards[1::2]
    return np.where(np.abs(margins) <= config.threshold, 0.5, (margins > 0).astype(float))
