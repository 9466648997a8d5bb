"""Metrics are logged under the objective's name and hold no graph."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor

from upo_sdk.testing.check import CheckFailedError, check
from upo_sdk.testing.losses import losses
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = ["metrics_are_named_and_detached"]


@check()
def metrics_are_named_and_detached(subject: Subject) -> None:
    """Every metric is a detached scalar tensor under a key that starts with the objective's name and a slash."""
    sample = Pairs.sample()
    sample.policy_NT.requires_grad_()
    batch = sample.batch(subject.needs)
    with subject.in_use() as objective:
        losses(objective, batch)  # so that a failure of the loss itself is blamed on its own check
        metrics = objective.loss(batch).metrics
    prefix = f"{subject.spec.name}/" if subject.spec else ""
    for key, value in metrics.items():
        if "/" not in key or not key.startswith(prefix):
            _fail(
                key, f"a key such as {prefix or 'NAME/'}{key.rpartition('/')[2]}", "put the objective's name before it"
            )
        if not isinstance(value, Tensor) or value.dim() != 0:
            _fail(key, "a scalar tensor", "average it; keep it a tensor, so that the device is not waited for")
        if value.requires_grad:
            _fail(key, "a detached tensor", "call detach(), or memory grows from step to step")


def _fail(key: str, expected: str, fix: str) -> None:
    raise CheckFailedError(expected=expected, got=f"the metric {key!r}", fix=fix)
