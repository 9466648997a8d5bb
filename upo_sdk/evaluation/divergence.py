"""How far a model went from its base, seen from its own answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.evaluation.paired_statistic import PairedStatistic
from upo_sdk.policy import TokenizedRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.arrays import FloatArray
    from upo_sdk.evaluation.answers import Answers, Prompt

__all__ = ["kl_measurement", "tokenized_answers"]


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
