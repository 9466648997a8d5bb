"""Losses and gradients are finite, also far away from the reference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.losses import mean_gradient
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from torch import Tensor

    from upo_sdk.testing.subject import Subject

__all__ = ["losses_are_finite"]

_FAR = 40.0
"""Nats between policy and reference per response: a fifth of a nat for each of 200 tokens."""


@check()
def losses_are_finite(subject: Subject) -> None:
    """Finite losses and gradients, also at policy = reference and 40 nats away from it in either direction."""
    sample = Pairs.sample()
    sides_N = torch.tensor([1.0, -1.0]).repeat(sample.count)
    places = {
        "an ordinary batch": sample,
        "policy = reference": replace(sample, policy_NT=sample.reference_NT),
        "a policy that learned all labels": _away(sample, sides_N),
        "a policy that contradicts all labels": _away(sample, -sides_N),
        "a policy far below the reference": _away(sample, -torch.ones_like(sides_N)),
        "a policy far above the reference": _away(sample, torch.ones_like(sides_N)),
    }
    with subject.in_use() as objective:
        for place, pairs in places.items():
            try:
                mean_gradient(objective, pairs, subject.needs)
            except CheckFailedError as failure:
                if failure.root == "gradient_reaches_the_policy":
                    continue  # a check of its own
                raise CheckFailedError(
                    expected=f"{failure.expected} at {place}", got=failure.got, fix=failure.fix, root=failure.root
                ) from failure


def _away(sample: Pairs, sides_N: Tensor) -> Pairs:
    """Return the pairs with log-ratios of ±40 nats, from log-probs that are none above zero."""
    step_NT = (sides_N * _FAR / sample.mask_NT.sum(-1)).unsqueeze(-1)
    near_NT = sample.reference_NT
    return replace(sample, policy_NT=near_NT + step_NT.clamp(max=0), reference_NT=near_NT - step_NT.clamp(min=0))
