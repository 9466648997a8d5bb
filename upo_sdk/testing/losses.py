"""Losses and gradients, with what is wrong with a loss blamed on the check that is about it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from upo_sdk.objectives import PreferenceLoss
from upo_sdk.testing.check import CheckFailedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.objectives import Needs, PreferenceBatch
    from upo_sdk.testing.pairs import Pairs

__all__ = ["check_close", "losses", "mean_gradient"]


def losses(objective: Any, batch: PreferenceBatch) -> Tensor:
    """Return one finite loss per item, shape [B].

    Raises:
        CheckFailedError: The objective raised, or returned something else.
    """
    loss_B = _loss_per_item(objective, batch)
    if not bool(loss_B.isfinite().all()):
        raise CheckFailedError(
            expected="finite losses",
            got=f"{loss_B.tolist()}",
            fix="use logsigmoid, softplus and log1p instead of log and exp; guard means over nothing",
            root="losses_are_finite",
        )
    return loss_B


def mean_gradient(
    objective: Any, pairs: Pairs, needs: Needs, parts: Sequence[Sequence[int]] | None = None
) -> tuple[Tensor, Tensor]:
    """Return the mean loss and its gradient by the policy's log-probs, accumulated over equal parts of the batch.

    Args:
        objective: A preference objective.
        pairs: The whole batch.
        needs: What the objective asks for.
        parts: The pairs of each micro-batch; all in one by default.

    Raises:
        CheckFailedError: The loss is not what it should be, or has no gradient.
    """
    chosen = [range(pairs.count)] if parts is None else parts
    policy_NT = pairs.policy_NT.clone().requires_grad_()
    total = torch.zeros(())
    for part in chosen:
        batch = replace(pairs, policy_NT=policy_NT).batch(needs, pairs=part)
        loss = losses(objective, batch).mean() / len(chosen)
        if loss.grad_fn is None:
            raise CheckFailedError(
                expected="a loss with a gradient",
                got="a constant",
                fix="compute the loss from batch.policy without detach(), item() or no_grad()",
                root="gradient_reaches_the_policy",
            )
        loss.backward()  # type: ignore[no-untyped-call]  # of torch
        total = total + loss.detach()
    gradient_NT = torch.zeros_like(policy_NT) if policy_NT.grad is None else policy_NT.grad
    if not bool(gradient_NT.isfinite().all()):
        raise CheckFailedError(
            expected="a finite gradient",
            got="infinity or NaN",
            fix="use logsigmoid, softplus and log1p; torch.where keeps a NaN gradient of its other branch",
            root="losses_are_finite",
        )
    return total, gradient_NT


def check_close(one: Tensor, other: Tensor, *, expected: str, fix: str, tolerance: float = 1e-4) -> None:
    """Compare two tensors, relative to the largest value.

    Raises:
        CheckFailedError: They differ.
    """
    one, other = one.detach().float(), other.detach().float()
    scale = max(float(one.abs().max()), 1e-6)
    difference = (one - other).abs()
    if one.shape != other.shape or not float(difference.max()) <= tolerance * scale:  # also when it is NaN
        place = int(difference.argmax())
        raise CheckFailedError(
            expected=expected,
            got=f"{float(one.flatten()[place]):.6g} and {float(other.flatten()[place]):.6g}",
            fix=fix,
        )


def _loss_per_item(objective: Any, batch: PreferenceBatch) -> Tensor:
    completions = len(batch.desirable_N)
    allowed = {completions} if batch.chosen_B is None else {completions, len(batch.chosen_B)}
    wanted = " or ".join(f"[{size}]" for size in sorted(allowed))
    try:
        result = objective.loss(batch)
    except Exception as error:
        raise _wrong(wanted, f"loss() raised {type(error).__name__}: {error}") from error
    if not isinstance(result, PreferenceLoss):
        raise _wrong(wanted, f"a {type(result).__name__} instead of a PreferenceLoss")
    loss_B: Any = result.loss_B
    if not isinstance(loss_B, Tensor) or not loss_B.is_floating_point():
        raise _wrong(wanted, f"a loss_B that is no tensor of floats: {loss_B!r}"[:200])
    if loss_B.dim() != 1 or len(loss_B) not in allowed:
        raise _wrong(wanted, f"shape {list(loss_B.shape)}")
    return loss_B


def _wrong(wanted: str, got: str) -> CheckFailedError:
    return CheckFailedError(
        expected=f"PreferenceLoss(loss_B) of shape {wanted}: one loss per pair, or per completion",
        got=got,
        fix="do not average over the batch; the engine does, over all micro-batches",
        root="one_loss_per_item",
    )
