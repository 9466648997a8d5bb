"""As many losses as pairs, or as completions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.losses import losses
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["one_loss_per_item"]


@check()
def one_loss_per_item(subject: Subject) -> None:
    """One loss per pair or per completion, not averaged; of unpaired data, if it takes such, per completion."""
    sample = Pairs.sample()
    batches = [sample.batch(subject.needs), sample.batch(subject.needs, pairs=[1])]
    if not subject.needs.pairs:
        batches.append(sample.batch(subject.needs, completions=[0, 3, 4]))
    with subject.in_use() as objective:
        for batch in batches:
            try:
                losses(objective, batch)
            except CheckFailedError as failure:
                if failure.root == one_loss_per_item.name:
                    raise
