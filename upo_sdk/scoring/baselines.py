"""Baselines V(x) that are computed from the data instead of learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from upo_sdk.data.columns import sha256_array

if TYPE_CHECKING:
    from collections.abc import Iterable

    from upo_sdk.arrays import FloatArray


__all__ = ["data_baseline"]


def data_baseline(
    kind: Literal["soft", "prompt-mean"],
    prompts: Iterable[str],
    counts_R: np.ndarray[tuple[int], np.dtype[Any]],
    rewards_N: FloatArray,
    lambda_: float,
    weight_R: FloatArray | None = None,
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
        weight_R: How much the responses of each row count; by default all weigh the same. A prompt whose rows all have
            weight 0 is in no loss, and its baseline is 0.
    """
    digests_R = sha256_array((prompt.encode() for prompt in prompts), len(counts_R))
    prompt_R = np.unique(digests_R, return_inverse=True)[1]
    weight_N = np.repeat(np.ones(len(counts_R)) if weight_R is None else weight_R, counts_R)
    counts = weight_N > 0
    prompt_N, weight_N, rewards_N = np.repeat(prompt_R, counts_R)[counts], weight_N[counts], rewards_N[counts]
    total_P = np.bincount(prompt_N, weights=weight_N, minlength=len(digests_R))

    def means_P(values_N: FloatArray) -> FloatArray:
        """Return weighted means by prompt; 0 for a prompt without any weight."""
        sum_P = np.bincount(prompt_N, weights=weight_N * values_N, minlength=len(total_P))
        return np.divide(sum_P, total_P, out=np.zeros_like(sum_P), where=total_P > 0)

    if kind == "prompt-mean" or lambda_ == 0:
        return means_P(rewards_N)[prompt_R]
    top_P = np.full(len(digests_R), -np.inf)
    np.maximum.at(top_P, prompt_N, rewards_N)
    soft_P = np.zeros(len(digests_R))
    seen = np.isfinite(top_P)
    soft_P[seen] = top_P[seen] + np.log(means_P(np.exp(lambda_ * (rewards_N - top_P[prompt_N])))[seen]) / lambda_
    return soft_P[prompt_R]
