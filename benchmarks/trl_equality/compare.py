"""Our losses beside TRL's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from benchmarks.trl_equality.tensors import PAIRS, random_tensors
from upo_sdk import load_registry
from upo_sdk.config import ObjectiveRef
from upo_sdk.objectives import PreferenceBatch, TokenLogps
from upo_sdk.plugin.build import build_objectives

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

    from benchmarks.trl_equality.cases import Case
    from benchmarks.trl_equality.tensors import Tensors

__all__ = ["TOLERANCE", "Comparison", "compare"]

TOLERANCE = 1e-5


@dataclass(frozen=True, slots=True)
class Comparison:
    """The largest values over several draws.

    Attributes:
        loss: TRL's loss.
        slope: Largest component of its gradient by the log-probs.
        loss_error: Absolute difference of ours.
        slope_error: Largest absolute difference of a component of ours.
    """

    loss: float
    slope: float
    loss_error: float
    slope_error: float

    @property
    def error(self) -> float:
        """The larger of the two errors."""
        return max(self.loss_error, self.slope_error)


def compare(case: Case, seeds: Iterable[int]) -> Comparison:
    """Return the largest values over several draws of random tensors."""
    draws = [_compare_once(case, random_tensors(seed)) for seed in seeds]
    return Comparison(*(max(values) for values in zip(*draws, strict=True)))


def _compare_once(case: Case, tensors: Tensors) -> tuple[float, float, float, float]:
    ours, theirs = our_loss(tensors, case.objective), case.peer(tensors, case.settings)
    (our_gradient_NT,) = torch.autograd.grad(ours, tensors.policy_NT)
    (their_gradient_NT,) = torch.autograd.grad(theirs, tensors.policy_NT)
    difference_NT = our_gradient_NT - their_gradient_NT
    return (
        theirs.item(),
        their_gradient_NT.abs().max().item(),
        (ours - theirs).abs().item(),
        difference_NT.abs().max().item(),
    )


def our_loss(tensors: Tensors, text: str) -> Tensor:
    """Return the mean loss of an objective in its text form, as the engine takes it."""
    (live,) = build_objectives([ObjectiveRef.model_validate(text)], load_registry())
    sums_N = [
        TokenLogps(logps_NT, tensors.mask_NT).sum_N() for logps_NT in (tensors.kl_policy_NT, tensors.kl_reference_NT)
    ]
    batch = PreferenceBatch(
        policy=TokenLogps(tensors.policy_NT, tensors.mask_NT),
        reference=TokenLogps(tensors.reference_NT, tensors.mask_NT),
        desirable_N=torch.arange(2 * PAIRS) < PAIRS,
        chosen_B=torch.arange(PAIRS),
        rejected_B=torch.arange(PAIRS) + PAIRS,
        kl=(sums_N[0] - sums_N[1]).mean().clamp(min=0),
    )
    return live.preference.loss(batch).loss_B.mean()
