"""What the log-probs of two models say: accuracy and margin of labelled pairs, and how far the model has moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.evaluation.paired_statistic import PairedStatistic
from upo_sdk.policy import TokenizedRow
from upo_sdk.records import PairMargin
from upo_sdk.statistics import Sums, ranked_right

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from upo_sdk.arrays import FloatArray
    from upo_sdk.evaluation.answers import Answers, Prompt
    from upo_sdk.evaluation.rows import EvalRows

__all__ = ["implicit_margins", "kl_measurement", "pair_margins", "pair_measurements", "tokenized_answers"]


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


def kl_measurement(answers: Answers, policy: Sequence[FloatArray], reference: Sequence[FloatArray]) -> PairedStatistic:
    """Return ``kl``, a Monte Carlo estimate of the sequence KL divergence of the model from the baseline.

    ``mean over y ~ π of log π(y | x) − log ρ(y | x)``, log-probs summed over the answer's tokens: nats per sequence,
    not per token, so it grows with length. A single answer may count below 0; the expectation does not. An answer that
    ``max_new_tokens`` cut off counts as far as it goes. The log-probs are those of the whole distribution at
    temperature 1: with ``top_p`` below 1 or another temperature the answers come from a narrower one, and the estimate
    is of E_y[log π − log ρ] under that. ``top_p=1`` and ``temperature=1`` estimate KL(π‖ρ) itself, without bias.

    Args:
        answers: The model's own.
        policy: ``log π(y | x)`` of every answer, one array per prompt.
        reference: ``log ρ(y | x)`` of the same answers under the baseline.
    """
    differences_PS = np.stack(policy) - np.stack(reference)
    return PairedStatistic(name="kl", model=answers.mean(differences_PS.ravel()), unit="nats per sequence")


def tokenized_answers(prompts: Sequence[Prompt], answers: Answers) -> list[TokenizedRow]:
    """Return every prompt with the answers to it, as token ids."""
    size = answers.num_samples
    return [
        TokenizedRow(prompt.ids, answers.ids[place * size : (place + 1) * size]) for place, prompt in enumerate(prompts)
    ]
