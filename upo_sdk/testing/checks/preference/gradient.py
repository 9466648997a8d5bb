"""Where the gradient goes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.losses import losses, mean_gradient
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["gradient_reaches_the_policy", "gradient_spares_the_reference"]


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
