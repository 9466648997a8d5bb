"""Baselines V(x) that are computed from the data instead of learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from upo_sdk.data.columns import sha256_array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from upo_sdk.scoring.score import FloatArray

__all__ = ["data_baseline"]


def data_baseline(
    kind: Literal["soft", "prompt-mean"],
    prompts: Iterable[str],
    counts_R: np.ndarray[tuple[int], np.dtype[Any]],
    rewards_N: FloatArray,
    lambda_: float,
) -> FloatArray:
    """Return one baseline per row, over all responses to the same prompt.

    ``prompt-mean`` is the mean of R. ``soft`` is ``(1/λ) log mean e^{λR}``, which recovers the exact forward KL where a
    prompt has several responses; for λ = 0 it is the mean.

    Args:
        kind: Which of the two.
        prompts: One per row.
        counts_R: Responses per row.
        rewards_N: R of every response, row by row.
        lambda_: The scale of the advantage.
    """
    digests_R = sha256_array((prompt.encode() for prompt in prompts), len(counts_R))
    prompt_R = np.unique(digests_R, return_inverse=True)[1]
    prompt_N = np.repeat(prompt_R, counts_R)
    if kind == "prompt-mean" or lambda_ == 0:
        return _means(prompt_N, rewards_N)[prompt_R]
    top_P = np.full(prompt_R.max() + 1, -np.inf)
    np.maximum.at(top_P, prompt_N, rewards_N)
    means_P = _means(prompt_N, np.exp(lambda_ * (rewards_N - top_P[prompt_N])))
    return (top_P + np.log(means_P) / lambda_)[prompt_R]


def _means(group_N: np.ndarray[tuple[int], np.dtype[Any]], values_N: FloatArray) -> FloatArray:
    return np.bincount(group_N, weights=values_N) / np.bincount(group_N)
