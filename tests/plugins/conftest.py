"""Batches of log-probs for the tests of preference objectives."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from upo_sdk.objectives import PreferenceBatch, TokenLogps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor


@pytest.fixture
def free_pairs() -> Callable[..., PreferenceBatch]:
    """Return a function that makes pairs without a reference from token log-probs."""

    def make(chosen: Sequence[Sequence[float]], rejected: Sequence[Sequence[float]]) -> PreferenceBatch:
        policy, pairs = token_logps([*chosen, *rejected]), len(chosen)
        return PreferenceBatch(
            policy=policy,
            reference=None,
            desirable_N=torch.arange(2 * pairs) < pairs,
            chosen_B=torch.arange(pairs),
            rejected_B=torch.arange(pairs) + pairs,
        )

    return make


@pytest.fixture
def singles() -> Callable[..., PreferenceBatch]:
    """Return a function that makes labelled single completions without a reference."""

    def make(responses: Sequence[Sequence[float]], labels: Sequence[bool]) -> PreferenceBatch:
        return PreferenceBatch(token_logps(responses), None, torch.tensor(labels))

    return make


def token_logps(responses: Sequence[Sequence[float]]) -> TokenLogps:
    """Pad with what must never count."""
    width = max(map(len, responses))
    logps_NT: Tensor = torch.tensor([[*row, *[float("nan")] * (width - len(row))] for row in responses])
    mask_NT = torch.arange(width) < torch.tensor([[len(row)] for row in responses])
    return TokenLogps(logps_NT.requires_grad_(), mask_NT)
