"""What comes in is read, not written: other objectives read the same tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.losses import losses
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["leaves_the_batch_alone"]


@check()
def leaves_the_batch_alone(subject: Subject) -> None:
    """No tensor of the batch is changed in place."""
    batch = Pairs.sample().batch(subject.needs)
    tensors = {
        "policy.logps_NT": batch.policy.logps_NT,
        "policy.mask_NT": batch.policy.mask_NT,
        "desirable_N": batch.desirable_N,
        **({"reference.logps_NT": batch.reference.logps_NT} if batch.reference else {}),
        **({"kl": batch.kl} if batch.kl is not None else {}),
    }
    before = {name: tensor.clone() for name, tensor in tensors.items()}
    with subject.in_use() as objective:
        losses(objective, batch)
    for name, tensor in tensors.items():
        if not torch.equal(tensor, before[name]):
            raise CheckFailedError(
                expected=f"that {name} is as before",
                got="it was changed in place",
                fix="use operations without a trailing underscore, and no +=, on what comes in",
            )
