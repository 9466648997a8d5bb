"""Where the gradient goes, and what the first step of training does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from upo_sdk.testing.check import CheckFailedError, check
from upo_sdk.testing.losses import losses, mean_gradient
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["first_step_favours_the_chosen", "gradient_reaches_the_policy", "gradient_spares_the_reference"]


@check()
def gradient_reaches_the_policy(subject: Subject) -> None:
    """The loss has a gradient by the policy's log-probs of response tokens."""
    sample = Pairs.sample()
    with subject.in_use() as objective:
        _, gradient_NT = mean_gradient(objective, sample, subject.needs)
    if not bool((gradient_NT[sample.mask_NT] != 0).any()):
        raise CheckFailedError(
            expected="a gradient by the log-probs of response tokens",
            got="zero for all of them",
            fix="compute the loss from batch.policy without detach(), item(), round() or comparisons",
        )


def _no_reference(subject: Subject) -> str | None:
    return None if subject.needs.reference else "it needs no reference"


@check(unless=_no_reference)
def gradient_spares_the_reference(subject: Subject) -> None:
    """The reference gets no gradient, even if it could, such as where it shares weights with the policy."""
    sample = Pairs.sample()
    policy_NT, reference_NT = sample.policy_NT.clone().requires_grad_(), sample.reference_NT.clone().requires_grad_()
    pairs = replace(sample, policy_NT=policy_NT, reference_NT=reference_NT)
    with subject.in_use() as objective:
        loss = losses(objective, pairs.batch(subject.needs)).mean()
    if loss.grad_fn is not None:
        loss.backward()  # type: ignore[no-untyped-call]  # of torch
    if reference_NT.grad is not None and bool((reference_NT.grad != 0).any()):
        raise CheckFailedError(
            expected="that the gradient reaches the policy alone",
            got="a gradient by the reference's log-probs",
            fix="use batch.log_ratios_N(), which detaches the reference, or detach() it yourself",
        )


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
