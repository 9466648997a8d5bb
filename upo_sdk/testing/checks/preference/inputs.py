"""What comes in is read, not written: others read it too; what is read is declared in ``Needs``, or may be missing."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from upo_sdk.testing.check import CheckFailedError, check
from upo_sdk.testing.losses import check_close, losses
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["leaves_the_batch_alone", "loss_reads_only_what_it_declares"]


@check()
def loss_reads_only_what_it_declares(subject: Subject) -> None:
    """The same loss whether or not a reference and a KL estimate are there that its needs do not name."""
    sample, needs = Pairs.sample(), subject.needs
    fix = "declare needs = Needs(reference=True), kl=True as well for the KL estimate, or do not read them"
    with subject.in_use() as objective:
        everything = losses(objective, sample.batch(replace(needs, reference=True, kl=True)))
        try:
            declared = losses(objective, sample.batch(needs))
        except CheckFailedError as failure:
            raise CheckFailedError(
                expected="a loss from what its needs name, here " + str(needs), got=failure.got, fix=fix
            ) from failure
    check_close(declared, everything, expected="the same loss whatever other objectives of a run need", fix=fix)


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
