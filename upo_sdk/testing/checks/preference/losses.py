"""One finite loss per item: far away from the reference, in half precision, and for any mixture of labels."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from upo_sdk.testing.check import CheckFailedError, check
from upo_sdk.testing.losses import losses, mean_gradient
from upo_sdk.testing.pairs import Pairs

if TYPE_CHECKING:
    from upo_sdk.testing.subject import Subject

__all__ = [
    "bfloat16_agrees_with_float32",
    "losses_are_finite",
    "metrics_are_named_and_detached",
    "one_loss_per_item",
    "one_sided_batches_are_finite",
]


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
