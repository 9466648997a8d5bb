"""At the start of training, policy = reference, the loss pulls apart what it should."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.losses import mean_gradient
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["first_step_favours_the_chosen"]

_NOTHING = 1e-5


@check()
def first_step_favours_the_chosen(subject: Subject) -> None:
    """At policy = reference the first step lowers no chosen, raises no rejected, and moves one of each pair."""
    sample = Pairs.sample()
    start = replace(sample, policy_NT=sample.reference_NT, kl=torch.zeros(()))
    with subject.in_use() as objective:
        _, gradient_NT = mean_gradient(objective, start, subject.needs)
    step_N = -gradient_NT.masked_fill(~sample.mask_NT, 0).sum(-1)
    nothing = _NOTHING * float(step_N.abs().max())
    chosen_B, rejected_B = step_N[0::2], step_N[1::2]
    wrong = bool((chosen_B < -nothing).any() or (rejected_B > nothing).any())
    if wrong or not bool((chosen_B - rejected_B > nothing).all()):
        raise CheckFailedError(
            expected="a first step that raises the chosen and lowers the rejected responses",
            got=f"steps of {_shown(chosen_B)} on the chosen and {_shown(rejected_B)} on the rejected",
            fix="check the sign of the loss, and which of chosen_B, rejected_B and desirable_N is which",
        )


def _shown(step_B: torch.Tensor) -> str:
    return ", ".join(f"{value:+.3g}" for value in step_B.tolist())
