"""Unpaired labels come in any mixture."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from upo_sdk.testing.check import check
from upo_sdk.testing.failure import CheckFailedError
from upo_sdk.testing.losses import losses
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["one_sided_batches_are_finite"]

_BATCHES = {"only desirable": [0, 2, 4], "only undesirable": [1, 3], "one desirable": [2], "one undesirable": [3]}


def _only_pairs(subject: Subject) -> str | None:
    return "it takes pairs only" if subject.needs.pairs else None


@check(unless=_only_pairs)
def one_sided_batches_are_finite(subject: Subject) -> None:
    """Finite losses and gradients for unpaired batches with only desirable or only undesirable completions."""
    sample = Pairs.sample()
    with subject.in_use() as objective:
        for name, completions in _BATCHES.items():
            policy_NT = sample.policy_NT.clone().requires_grad_()
            batch = replace(sample, policy_NT=policy_NT).batch(subject.needs, completions=completions)
            fix = "guard means over nothing: sum() / count.clamp(min=1)"
            try:
                loss = losses(objective, batch).mean()
            except CheckFailedError as failure:
                raise CheckFailedError(
                    expected=f"finite losses of a batch of {name} completions",
                    got=failure.got,
                    fix=fix,
                    root="one_loss_per_item",
                ) from failure
            if loss.grad_fn is None:
                continue
            loss.backward()  # type: ignore[no-untyped-call]  # of torch
            if policy_NT.grad is not None and not bool(policy_NT.grad.isfinite().all()):
                raise CheckFailedError(
                    expected=f"a finite gradient of a batch of {name} completions", got="infinity or NaN", fix=fix
                )
