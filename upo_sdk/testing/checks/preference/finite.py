"""Losses and gradients are finite, also far away from the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.losses import mean_gradient
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["losses_are_finite"]

_FAR = 40.0
"""Nats between policy and reference per response: a fifth of a nat for each of 200 tokens."""


@check()
def losses_are_finite(subject: Subject) -> None:
    """Finite losses and gradients, also at policy = reference and 40 nats away from it in either direction."""
    sample = Pairs.sample()
    far_NT = -_FAR / sample.mask_NT.sum(-1, keepdim=True)
    near_NT = sample.reference_NT
    places = {
        "an ordinary batch": (sample.policy_NT, near_NT),
        "policy = reference": (near_NT, near_NT),
        "a policy far below the reference": (near_NT + far_NT, near_NT),
        "a policy far above the reference": (near_NT, near_NT + far_NT),
    }
    with subject.in_use() as objective:
        for place, (policy_NT, reference_NT) in places.items():
            pairs = replace(sample, policy_NT=policy_NT, reference_NT=reference_NT)
            try:
                _, gradient_NT = mean_gradient(objective, pairs, subject.needs)
            except CheckFailedError as failure:
                if failure.root == "gradient_reaches_the_policy":
                    continue  # a check of its own
                raise CheckFailedError(
                    expected=f"{failure.expected} at {place}", got=failure.got, fix=failure.fix, root=failure.root
                ) from failure
            if not bool(gradient_NT.isfinite().all()):
                raise CheckFailedError(
                    expected=f"a finite gradient at {place}",
                    got="infinity or NaN",
                    fix="use logsigmoid, softplus and log1p; torch.where keeps a NaN gradient of its other branch",
                )
