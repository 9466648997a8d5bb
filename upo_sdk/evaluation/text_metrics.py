"""How long and how varied answers are; measurements count in tokens of the evaluated model's tokenizer."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.evaluation.paired_statistic import PairedStatistic
from upo_sdk.statistics import Sums

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from upo_sdk.evaluation.answers import Answers

__all__ = ["FORM_NAMES", "distinct", "form_measurements", "repetition"]

_REPEATED = 4
_DISTINCT = (1, 2, 3)

FORM_NAMES = ("length/tokens", "length_ratio", "truncated", "repetition", *(f"distinct_{n}" for n in _DISTINCT))
"""What :func:`form_measurements` yields; the ratio only with a baseline."""


def repetition(tokens: Sequence[Hashable], n: int = _REPEATED) -> float:
    """Return ``1 − distinct n-grams / n-grams`` of one response; 0 if it has no n-gram.

    ``seq-rep-n`` of Welleck et al., 2020 (arXiv 1908.04319), who use n = 4.
    """
    found = _ngrams(tokens, n)
    return 1 - len(set(found)) / len(found) if found else 0.0


def distinct(responses: Sequence[Sequence[Hashable]], n: int, per_unit: int = 1) -> Sums:
    """Return ``distinct n-grams / n-grams`` over all responses together; ``per_unit`` neighbours are one unit.

    Li et al., 2016 (arXiv 1510.03055). It falls with the number of responses: compare it between equal numbers only.
    An n-gram that occurs k times counts 1/k at each of its places, which adds up to the number of distinct ones. So a
    resample of prompts has the same expected ratio, where counting anew, with a third of the prompts missing and
    others double, would not.
    """
    found = [_ngrams(tokens, n) for tokens in responses]
    times = Counter(gram for grams in found for gram in grams)
    shares = np.array([sum(1 / times[gram] for gram in grams) for grams in found], dtype=np.float64)
    counts = np.array([len(grams) for grams in found], dtype=np.float64)
    return Sums(shares.reshape(-1, per_unit).sum(axis=1), counts.reshape(-1, per_unit).sum(axis=1))


def form_measurements(model: Answers, baseline: Answers | None) -> Iterator[PairedStatistic]:
    """Yield the measurements of :data:`FORM_NAMES`."""
    of_both = partial(PairedStatistic.of_both, model, baseline)
    yield of_both("length/tokens", _length, unit="tokens")
    if baseline is not None:
        ratio = Sums(_length(model).total_U, _length(baseline).total_U)
        yield PairedStatistic(name="length_ratio", model=ratio, unit="times the baseline")
    yield of_both("truncated", _truncated, better="lower", unit="share of answers")
    yield of_both("repetition", _repetition, better="lower", unit=f"share of {_REPEATED}-grams")
    for n in _DISTINCT:
        yield of_both(f"distinct_{n}", partial(_distinct, n), better="higher", unit=f"share of {n}-grams")


def _length(answers: Answers) -> Sums:
    return answers.mean(map(len, answers.tokens))


def _truncated(answers: Answers) -> Sums:
    return answers.mean(float(not finished) for finished in answers.finished)


def _repetition(answers: Answers) -> Sums:
    return answers.mean(map(repetition, answers.tokens))


def _distinct(n: int, answers: Answers) -> Sums:
    return distinct(answers.tokens, n, answers.num_samples)


def _ngrams(tokens: Sequence[Hashable], n: int) -> list[tuple[Hashable, ...]]:
    return list(zip(*(tokens[start:] for start in range(n)), strict=False))
