"""Masked positions never count; how a batch is ordered and cut changes nothing, on one device or on many."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from upo_sdk.testing.check import check
from upo_sdk.testing.losses import check_close, mean_gradient
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = [
    "gradient_accumulation_changes_nothing",
    "order_of_pairs_changes_nothing",
    "padding_changes_nothing",
    "ranks_change_nothing",
]

_EXTREMES = (1e9, -1e9, float("inf"), float("-inf"), float("nan"))


@check()
def padding_changes_nothing(subject: Subject) -> None:
    """Padding filled with huge values, infinity and NaN changes neither loss nor gradient."""
    plain = Pairs.sample()
    filled = replace(
        plain,
        policy_NT=_filled(plain.policy_NT, plain.mask_NT),
        reference_NT=_filled(plain.reference_NT, plain.mask_NT),
    )
    expected = "the same whatever stands at masked positions"
    fix = "use TokenLogps.sum_N() and mean_N(), or masked_fill(~mask_NT, 0): a product with the mask keeps NaN"
    with subject.in_use() as objective:
        loss, gradient_NT = mean_gradient(objective, plain, subject.needs)
        other_loss, other_gradient_NT = mean_gradient(objective, filled, subject.needs)
    check_close(loss, other_loss, expected=f"{expected}: the loss", fix=fix)
    check_close(gradient_NT, other_gradient_NT, expected=f"{expected}: the gradient", fix=fix)


def _filled(logps_NT: Tensor, mask_NT: Tensor) -> Tensor:
    extremes_T = torch.tensor([_EXTREMES[position % len(_EXTREMES)] for position in range(logps_NT.shape[-1])])
    return torch.where(mask_NT, logps_NT, extremes_T)


_ADVICE = (
    "compute each loss from its own pair and keep no state; if a statistic of the batch is the point, declare "
    "needs = Needs(batch_statistic=True)"
)


def _wants_batch_statistics(subject: Subject) -> str | None:
    return "it declares Needs(batch_statistic=True)" if subject.needs.batch_statistic else None


@check()
def order_of_pairs_changes_nothing(subject: Subject) -> None:
    """The same mean loss and gradients when the pairs come in another order."""
    sample = Pairs.sample()
    order_N = torch.tensor([row for pair in (2, 0, 3, 1) for row in (2 * pair, 2 * pair + 1)])
    shuffled = replace(
        sample,
        policy_NT=sample.policy_NT[order_N],
        reference_NT=sample.reference_NT[order_N],
        mask_NT=sample.mask_NT[order_N],
    )
    with subject.in_use() as objective:
        loss, gradient_NT = mean_gradient(objective, sample, subject.needs)
        other_loss, other_gradient_NT = mean_gradient(objective, shuffled, subject.needs)
    fix = "give no pair a weight by its position"
    check_close(loss, other_loss, expected="the same mean loss in any order", fix=fix)
    check_close(gradient_NT[order_N], other_gradient_NT, expected="the same gradients in any order", fix=fix)


@check(unless=_wants_batch_statistics)
def gradient_accumulation_changes_nothing(subject: Subject) -> None:
    """One batch of four pairs equals two of two and four of one: mean loss and gradient."""
    sample = Pairs.sample()
    for parts in ([[0, 1], [2, 3]], [[0], [1], [2], [3]]):
        with subject.in_use() as objective:
            loss, gradient_NT = mean_gradient(objective, sample, subject.needs)
            other_loss, other_gradient_NT = mean_gradient(objective, sample, subject.needs, parts)
        place = f"in {len(parts)} micro-batches as in one batch"
        check_close(loss, other_loss, expected=f"the same mean loss {place}", fix=_ADVICE)
        check_close(gradient_NT, other_gradient_NT, expected=f"the same gradient {place}", fix=_ADVICE)


@check(unless=_wants_batch_statistics)
def ranks_change_nothing(subject: Subject) -> None:
    """Two ranks with an objective each, averaging their gradients, equal one rank with all pairs."""
    sample = Pairs.sample()
    with subject.in_use() as alone, subject.in_use() as first, subject.in_use() as second:
        _, gradient_NT = mean_gradient(alone, sample, subject.needs)
        mean_gradient(first, sample, subject.needs, [[2, 3]])  # ranks have seen different data before this step
        halves = [
            mean_gradient(rank, sample, subject.needs, [part])[1] for rank, part in ((first, [0, 1]), (second, [2, 3]))
        ]
    check_close(
        gradient_NT, (halves[0] + halves[1]) / 2, expected="the same gradient on two ranks as on one", fix=_ADVICE
    )
