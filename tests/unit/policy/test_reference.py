"""Reference log-probs: computed once, resumed, and keyed by weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from upo_sdk.cache import ContentCache
from upo_sdk.config import ModelConfig
from upo_sdk.policy import Branches, PaddedLayout, Policy, load_language_model, reference_logps
from upo_sdk.policy.fingerprint import weights_sha256

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = [Branches([5, 6, 7], [[9, 10, 1], [12, 1]]), Branches([20, 21], [[21, 22, 1], [12, 30, 31, 1]])]


@pytest.fixture
def policy(model_folder: Callable[[str], Path]) -> Policy:
    return Policy(load_language_model(ModelConfig(path=str(model_folder("llama")))), PaddedLayout())


def count_forwards(policy: Policy) -> list[int]:
    calls: list[int] = []
    policy.lm.register_forward_hook(lambda *_: calls.append(1))
    return calls


def test_values_equal_the_policys_own_and_keep_the_order_of_rows(policy: Policy, own_cache: Path) -> None:
    found = reference_logps(
        policy, ROWS, ContentCache(own_cache / "c.sqlite"), weights=weights_sha256(policy.lm), batch_size=2
    )
    with torch.no_grad():
        logps_NT = policy(**policy.layout.collate(ROWS)).logps_NT
    flat = [(row, branch) for row in range(2) for branch in range(2)]
    for n, (row, branch) in enumerate(flat):
        length = len(ROWS[row].response_ids[branch])
        assert np.allclose(found[row][branch], logps_NT[n, :length].numpy(), atol=1e-5)


def test_a_second_run_computes_nothing(policy: Policy, own_cache: Path) -> None:
    cache = ContentCache(own_cache / "c.sqlite")
    first = reference_logps(policy, ROWS, cache, weights=weights_sha256(policy.lm), batch_size=2)
    calls = count_forwards(policy)
    second = reference_logps(policy, ROWS, cache, weights=weights_sha256(policy.lm), batch_size=2)
    assert not calls
    assert all(np.array_equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True))


def test_a_killed_pass_goes_on_where_it_was(policy: Policy, own_cache: Path) -> None:
    cache = ContentCache(own_cache / "c.sqlite")

    def kill(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reference_logps(policy, ROWS, cache, weights=weights_sha256(policy.lm), batch_size=2, on_progress=kill)
    calls = count_forwards(policy)
    reference_logps(policy, ROWS, cache, weights=weights_sha256(policy.lm), batch_size=2)
    assert len(calls) == 1


def test_other_weights_are_another_reference(policy: Policy, own_cache: Path) -> None:
    cache = ContentCache(own_cache / "c.sqlite")
    reference_logps(policy, ROWS, cache, weights=weights_sha256(policy.lm), batch_size=4)
    with torch.no_grad():
        next(policy.lm.parameters()).add_(0.1)
    calls = count_forwards(policy)
    reference_logps(policy, ROWS, cache, weights=weights_sha256(policy.lm), batch_size=4)
    assert calls
