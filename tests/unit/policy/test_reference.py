"""Reference log-probs: computed once, resumed, and keyed by weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from upo_sdk.cache import ContentCache
from upo_sdk.config import ModelConfig
from upo_sdk.policy import PaddedLayout, Policy, TokenizedList, TokenizedRow, load_language_model, reference_logps
from upo_sdk.policy.fingerprint import weights_sha256

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

ROWS = [TokenizedRow([5, 6, 7], [[9, 10, 1], [12, 1]]), TokenizedRow([20, 21], [[21, 22, 1], [12, 30, 31, 1]])]


@pytest.fixture
def policy(model_folder: Callable[[str], Path]) -> Policy:
    return Policy(load_language_model(ModelConfig(path=str(model_folder("llama")))), PaddedLayout())


@pytest.fixture
def cache(own_cache: Path) -> ContentCache:
    return ContentCache(own_cache / "c.sqlite")


def run(
    policy: Policy, cache: ContentCache, rows: Sequence[TokenizedRow] = ROWS, **settings: Any
) -> list[list[NDArray[np.float32]]]:
    limits = {"tokens_per_batch": 10, "tokens_per_row": 100} | settings
    found = reference_logps(policy, TokenizedList(rows), cache, weights=weights_sha256(policy.lm), **limits)
    return [found[row] for row in range(len(rows))]


def plainly(policy: Policy, prompt: Sequence[int], response: Sequence[int]) -> NDArray[np.float32]:
    with torch.no_grad():
        return policy(**policy.layout.collate([TokenizedRow(prompt, [response])])).logps_NT[0].numpy()


class Counting(PaddedLayout):
    """Notes the rows of every forward."""

    def __init__(self) -> None:
        self.batches: list[list[TokenizedRow]] = []

    def collate(self, rows: Sequence[TokenizedRow]) -> dict[str, torch.Tensor]:
        self.batches.append([TokenizedRow(*row) for row in rows])
        return super().collate(rows)


def count(policy: Policy) -> list[list[TokenizedRow]]:
    policy.layout = layout = Counting()
    return layout.batches


def test_values_equal_the_policys_own_and_keep_the_order_of_rows(policy: Policy, cache: ContentCache) -> None:
    for row, found in zip(ROWS, run(policy, cache), strict=True):
        for response, logps in zip(row.response_ids, found, strict=True):
            assert np.allclose(logps, plainly(policy, row.prompt_ids, response), atol=1e-5)


def test_a_second_run_computes_nothing(policy: Policy, cache: ContentCache) -> None:
    first = run(policy, cache)
    batches = count(policy)
    second = run(policy, cache)
    assert not batches
    assert all(np.array_equal(a, b) for x, y in zip(first, second, strict=True) for a, b in zip(x, y, strict=True))


def test_other_data_reuse_what_they_share(policy: Policy, cache: ContentCache) -> None:
    run(policy, cache)
    batches = count(policy)
    more = [*ROWS[1:], TokenizedRow([5, 6, 7], [[12, 1], [40, 41, 1]])]
    found = run(policy, cache, more)
    assert batches == [[TokenizedRow([5, 6, 7], [[40, 41, 1]])]]
    assert np.allclose(found[1][0], plainly(policy, [5, 6, 7], [12, 1]), atol=1e-5)
    assert np.allclose(found[1][1], plainly(policy, [5, 6, 7], [40, 41, 1]), atol=1e-5)


def test_a_response_that_several_pairs_share_is_computed_once_and_a_prompt_once(
    policy: Policy, cache: ContentCache
) -> None:
    shared = [TokenizedRow([5, 6, 7], [[9, 1], [n, 11, 1]]) for n in (12, 13, 14)]
    batches = count(policy)
    found = run(policy, cache, [*shared, TokenizedRow([8], [[9, 1]])], tokens_per_batch=100)
    assert batches == [
        [TokenizedRow([5, 6, 7], [[12, 11, 1], [13, 11, 1], [14, 11, 1], [9, 1]]), TokenizedRow([8], [[9, 1]])]
    ]
    assert all(np.array_equal(found[row][0], found[0][0]) for row in range(3))
    assert np.allclose(found[2][1], plainly(policy, [5, 6, 7], [14, 11, 1]), atol=1e-5)


def test_a_killed_pass_goes_on_where_it_was(policy: Policy, cache: ContentCache) -> None:
    def kill(done: int, _total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(policy, cache, tokens_per_batch=12, on_progress=kill)
    batches = count(policy)
    run(policy, cache, tokens_per_batch=12)
    assert len(batches) == 1


@pytest.mark.parametrize("changed", ["weights", "precision", "layout", "order of rows"])
def test_what_the_values_depend_on_is_in_the_key(policy: Policy, cache: ContentCache, changed: str) -> None:
    run(policy, cache)
    batches = count(policy)
    if changed == "weights":
        with torch.no_grad():
            next(policy.lm.parameters()).add_(0.1)
    if changed == "layout":
        policy.layout.name = "another"
    run(policy, cache, ROWS[::-1] if changed == "order of rows" else ROWS, bf16=changed == "precision")
    assert bool(batches) == (changed != "order of rows")


def test_progress_counts_distinct_responses(policy: Policy, cache: ContentCache) -> None:
    seen: list[tuple[int, int]] = []
    run(policy, cache, [*ROWS, ROWS[0]], on_progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 4)
    assert seen[-1] == (4, 4)


@pytest.mark.parametrize("keep", [0, 40, -4], ids=["empty", "header", "cut"])
def test_a_damaged_file_of_log_probs_is_made_again(
    policy: Policy, cache: ContentCache, own_cache: Path, keep: int
) -> None:
    whole = run(policy, cache)
    (file,) = (own_cache / "reference").glob("*.npy")
    content = file.read_bytes()
    file.unlink()  # the file of before may still be mapped into memory
    file.write_bytes(content[:keep])
    for row, expected in zip(run(policy, cache), whole, strict=True):
        for logps, wanted in zip(row, expected, strict=True):
            np.testing.assert_array_equal(logps, wanted)
