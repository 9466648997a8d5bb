"""A world of a few answers whose trained model can be solved for exactly: what a weight does, without a network.

Answers are helpful or not, rude or not, and of one of the given lengths; a reference writes them independently of each
other (.6 helpful, .45 rude). In three quarters of the pairs the label likes the helpful one of two equally rude
answers; in one quarter, the rude one of two equally helpful ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import torch

from upo_plugins.dpo.objective import DPO
from upo_plugins.dpo.options import DPOOptions
from upo_sdk.loss import AuxiliaryBatch, AuxiliaryTerm, PreferenceTerm, UnifiedLoss, balance
from upo_sdk.loss.advantage import expectile
from upo_sdk.objectives import PreferenceBatch, TokenLogps

if TYPE_CHECKING:
    from upo_sdk.config import LossConfig

__all__ = ["Outcome", "solve"]

HELPFUL, RUDE, CONFLICT = 0.6, 0.45, 0.25


@dataclass(frozen=True)
class Outcome:
    """The model at the optimum of the loss, and the γ it had."""

    gamma: float
    rude: float
    helpful: float
    rude_by_length: dict[int, float]
    share_by_length: dict[int, float]


def solve(
    lengths: tuple[int, ...],
    *,
    beta: float,
    weight: float,
    config: LossConfig,
) -> Outcome:
    """Minimise DPO plus the actor term over all distributions of answers; both are convex in the logits."""
    answers = list(product((0, 1), (0, 1), lengths))
    helpful, rude, tokens = (torch.tensor(column) for column in zip(*answers, strict=True))
    log_reference = _log_reference(helpful, rude, len(lengths))
    pairs = _pairs(answers)
    shown_N = torch.tensor([index for pair in pairs for index in pair.answers])
    share_N = torch.tensor([pair.share for pair in pairs], dtype=torch.float64).repeat_interleave(2)
    rewards_N = 1.0 - rude.double()[shown_N]
    constant = expectile(weight * rewards_N, config.expectile, share_N)
    auxiliary = AuxiliaryBatch(
        rewards_NK=rewards_N.unsqueeze(-1), prompt_N=torch.zeros_like(shown_N), baseline_P=constant.unsqueeze(0)
    )
    terms = [PreferenceTerm("dpo", 1.0, DPO(DPOOptions(beta=beta)))], [AuxiliaryTerm("politeness", weight)]
    unified = UnifiedLoss(*terms, config.model_copy(update={"baseline": "none", "gate_steps": 0}))

    def batch(log_policy: torch.Tensor) -> PreferenceBatch:
        return PreferenceBatch(
            policy=_spread(log_policy[shown_N], tokens[shown_N]),
            reference=_spread(log_reference[shown_N], tokens[shown_N]),
            desirable_N=torch.arange(len(shown_N)) % 2 == 0,
            chosen_B=torch.arange(0, len(shown_N), 2),
            rejected_B=torch.arange(1, len(shown_N), 2),
        )

    if config.scale == "balanced":
        found = balance(unified, batch(log_reference), auxiliary, sample_weight_N=share_N)
        unified.config = found.applied_to(unified.config)
    logits = log_reference.clone().requires_grad_()
    optimizer = torch.optim.LBFGS(
        [logits], max_iter=1000, tolerance_grad=1e-9, tolerance_change=1e-14, line_search_fn="strong_wolfe"
    )

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        out = unified(batch(torch.log_softmax(logits, -1)), auxiliary, step=0, sample_weight_N=share_N)
        out.policy_loss.backward()
        return out.policy_loss

    optimizer.step(loss)
    share = torch.softmax(logits.detach(), -1)
    by_length = {length: tokens == length for length in lengths}
    return Outcome(
        gamma=unified.config.gamma,
        rude=float(share @ rude.double()),
        helpful=float(share @ helpful.double()),
        rude_by_length={
            key: float((share * rude)[these].sum() / share[these].sum()) for key, these in by_length.items()
        },
        share_by_length={key: float(share[these].sum()) for key, these in by_length.items()},
    )


@dataclass(frozen=True)
class _Pair:
    answers: tuple[int, int]
    share: float


def _log_reference(helpful: torch.Tensor, rude: torch.Tensor, lengths: int) -> torch.Tensor:
    shares = [torch.where(trait == 1, rate, 1 - rate).double() for trait, rate in ((helpful, HELPFUL), (rude, RUDE))]
    return (shares[0] * shares[1] / lengths).log()


def _pairs(answers: list[tuple[int, int, int]]) -> list[_Pair]:
    """Return every pair of the world, chosen first, with its share; lengths and what is not compared are free."""
    helpful_pairs = [
        ((1, rude, first), (0, rude, second), 1 - CONFLICT, (RUDE if rude else 1 - RUDE))
        for rude, first, second in product((0, 1), *2 * [_lengths(answers)])
    ]
    rude_pairs = [
        ((helpful, 1, first), (helpful, 0, second), CONFLICT, (HELPFUL if helpful else 1 - HELPFUL))
        for helpful, first, second in product((0, 1), *2 * [_lengths(answers)])
    ]
    return [
        _Pair((answers.index(chosen), answers.index(rejected)), kind * rate / len(_lengths(answers)) ** 2)
        for chosen, rejected, kind, rate in (*helpful_pairs, *rude_pairs)
    ]


def _lengths(answers: list[tuple[int, int, int]]) -> list[int]:
    return sorted({length for _, _, length in answers})


def _spread(totals_N: torch.Tensor, tokens_N: torch.Tensor) -> TokenLogps:
    """Spread sequence log-probs evenly over their tokens."""
    mask_NT = torch.arange(int(tokens_N.max())).unsqueeze(0) < tokens_N.unsqueeze(-1)
    return TokenLogps((totals_N / tokens_N).unsqueeze(-1) * mask_NT, mask_NT)
