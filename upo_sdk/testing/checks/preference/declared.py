"""What is read is declared in ``Needs``; else it is missing, or differs, in a run with other objectives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.losses import check_close, losses
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["loss_reads_only_what_it_declares"]


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
