"""Fixtures for the tests of an objective, on request: ``pytest_plugins = ["upo_sdk.testing.fixtures"]`` in conftest.py.

Nothing is registered with pytest by itself: who only installs the SDK gets no fixtures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_sdk.testing.samples import ORDINARY

if TYPE_CHECKING:
    from upo_sdk.objectives import Completion, PreferenceBatch

__all__ = ["upo_completions", "upo_preference_batch"]


@pytest.fixture
def upo_completions() -> list[Completion]:
    """Return eight ordinary completions: short and long, polite and rude, on one line and on several."""
    return list(ORDINARY)


@pytest.fixture
def upo_preference_batch() -> PreferenceBatch:
    """Return four pairs with log-probs of policy and reference and a KL estimate; the policy's take a gradient."""
    from upo_sdk.objectives import Needs
    from upo_sdk.testing.pairs import Pairs

    sample = Pairs.sample()
    sample.policy_NT.requires_grad_()
    return sample.batch(Needs(reference=True, pairs=True, kl=True))
