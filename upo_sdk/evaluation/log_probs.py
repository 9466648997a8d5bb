"""How well a model's implicit reward ranks labelled pairs: accuracy and margin."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.evaluation.paired_statistic import PairedStatistic
from upo_sdk.records import PairMargin
from upo_sdk.statistics import Sums, ranked_right

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from upo_sdk.arrays import FloatArray
    from upo_sdk.evaluation.rows import EvalRows

__all__ = ["implicit_margins", "pair_margins", "pair_measurements"]

__all__ = ["implicit_margins", "pair_measurements"]


def implicit_margins(policy: Sequence[FloatArray], reference: Sequence[FloatArray], beta: float) -> FloatArray:
    """Return ``β[(log π(y_w) − log ρ(y_w)) − (log π(y_l) − log ρ(y_l))]`` of every pair, shape [pairs].

    Rafailov et al., 2023 (arXiv 2305.18290).

    Args:
        policy: ``[log π(y_w | x), log π(y_l | x)]`` of every pair, in nats, summed over tokens.
        reference: The same under the reference ρ.
        beta: β of the preference objective.
    """
    ratios_B2 = np.stack(policy) - np.stack(reference)
    margins_B: FloatArray = beta * (ratios_B2[:, 0] - ratios_B2[:, 1])
    return margins_B


def pair_measurements(
    margins_B: FloatArray, prompt_B: Sequence[int], prompts: int, *, part: str | None = None
) -> Iterator[PairedStatistic]:
    """Yield ``accuracy``, the share of pairs that the implicit reward ranks right, a tie being a half, and ``margin``.

    Args:
        margins_B: :func:`implicit_margins`.
        prompt_B: The number of each pair's prompt; pairs of one prompt are resampled together.
        prompts: How many there are.
        part: If these are not all pairs, which ones: only ``accuracy/PART`` is yielded.
    """
    right = _by_prompt(ranked_right(margins_B), prompt_B, prompts)
    name = f"accuracy/{part}" if part else "accuracy"
    yield PairedStatistic(name=name, model=right, better="higher", unit="share of pairs")
    if part is None:
        margin = _by_prompt(margins_B, prompt_B, prompts)
        yield PairedStatistic(name="margin", model=margin, better="higher", unit="nats times beta")


def pair_margins(rows: EvalRows, margins_B: FloatArray | None) -> list[PairMargin]:
    """Return every pair with its margin, in the order of the data; none without margins."""
    if margins_B is None:
        return []
    return [
        PairMargin(row=row, prompt=prompt, margin=margin)
        for row, prompt, margin in zip(
            rows.dataset["row"][:], rows.dataset["prompt"][:], margins_B.tolist(), strict=True
        )
    ]


def _by_prompt(values_B: FloatArray, prompt_B: Sequence[int], prompts: int) -> Sums:
    place = np.asarray(prompt_B, dtype=np.int64)
    totals = np.bincount(place, weights=values_B, minlength=prompts).astype(np.float64)
    return Sums(totals, np.bincount(place, minlength=prompts).astype(np.float64))
