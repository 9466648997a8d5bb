"""What stands at masked positions never counts."""

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

__all__ = ["padding_changes_nothing"]

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
