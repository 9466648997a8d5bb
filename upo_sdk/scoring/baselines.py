"""Baselines V(x) that are computed from the data instead of learned."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.scoring.score import FloatArray

__all__ = ["data_baseline"]


def data_baseline(
    kind: Literal["soft", "prompt-mean"], prompts: Sequence[str], rewards: Sequence[FloatArray], lambda_: float
) -> FloatArray:
    """Return one baseline per row, over all responses to the same prompt.

    ``prompt-mean`` is the mean of R. ``soft`` is ``(1/λ) log mean e^{λR}``, which recovers the exact forward KL where a
    prompt has several responses; for λ = 0 it is the mean.
    """
    by_prompt: dict[str, list[float]] = defaultdict(list)
    for prompt, row in zip(prompts, rewards, strict=True):
        by_prompt[prompt].extend(row)
    values = {prompt: _baseline(kind, np.array(group), lambda_) for prompt, group in by_prompt.items()}
    return np.array([values[prompt] for prompt in prompts])


def _baseline(kind: str, rewards: FloatArray, lambda_: float) -> float:
    if kind == "prompt-mean" or lambda_ == 0:
        return float(rewards.mean())
    top = rewards.max()
    return float(top + np.log(np.mean(np.exp(lambda_ * (rewards - top)))) / lambda_)
