"""Half precision loses digits, not the loss."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.losses import losses
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["bfloat16_agrees_with_float32"]

_LOOSE = 0.15


@check()
def bfloat16_agrees_with_float32(subject: Subject) -> None:
    """Losses of bfloat16 log-probs agree loosely with those of float32."""
    sample = Pairs.sample()
    half = replace(
        sample, policy_NT=sample.policy_NT.to(torch.bfloat16), reference_NT=sample.reference_NT.to(torch.bfloat16)
    )
    with subject.in_use() as objective:
        full_B, half_B = (losses(objective, pairs.batch(subject.needs)).detach().float() for pairs in (sample, half))
    for full, other in zip(full_B.tolist(), half_B.tolist(), strict=True):
        if abs(full - other) > _LOOSE * (1 + abs(full)):
            raise CheckFailedError(
                expected=f"about {full:.4g} from bfloat16 log-probs too",
                got=f"{other:.4g}",
                fix="compute differences before exp(); use torch.finfo of the tensor's own dtype for limits",
            )
