from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from accelerate.data_loader import BatchSamplerShard
from datasets import Dataset
from torch.utils.data import BatchSampler, SequentialSampler

from upo_sdk.config import TrainingConfig
from upo_sdk.training.batching import EpochBatches, compose_batches, epoch_batches, row_tokens, uneven_rows
from upo_sdk.training.rows import PreparedRows
from upo_sdk.training.tokenized_rows import TokenizedRows

TOKENS = [int(number) for number in np.random.default_rng(0).integers(5, 100, 83)]


def compose(*, padded: bool = False, ranks: int = 1, **settings: Any) -> list[list[int]]:
    return compose_batches(TOKENS, TrainingConfig(**settings), padded=padded, ranks=ranks)


def rows(*lengths: tuple[int, int, int], mismatched: bool = False) -> PreparedRows:
    dataset = Dataset.from_dict(
        {
            "prompt_ids": [[index] * prompt for index, (prompt, _, _) in enumerate(lengths)],
            "response_ids": [[[2] * chosen, [3] * rejected] for _, chosen, rejected in lengths],
            "desirable": [[True, False]] * len(lengths),
        }
    )
    branches = TokenizedRows(dataset, mismatched=mismatched, max_length=100)
    return PreparedRows(dataset, branches, np.zeros((2 * len(lengths), 0)))


@pytest.mark.parametrize("strategy", ["random", "group_by_length", "sequential"])
@pytest.mark.parametrize("budget", [None, 300])
@pytest.mark.parametrize("ranks", [1, 3])
def test_every_row_is_in_one_batch_and_every_rank_has_as_many(strategy: str, budget: int | None, ranks: int) -> None:
    batches = compose(train_sampling_strategy=strategy, tokens_per_batch=budget, ranks=ranks)
    assert sorted(row for batch in batches for row in batch) == list(range(len(TOKENS)))
    assert len(batches) % ranks == 0


def test_the_seed_decides_which_rows_share_a_batch() -> None:
    assert compose(tokens_per_batch=300, seed=1) == compose(tokens_per_batch=300, seed=1)
    assert compose(tokens_per_batch=300, seed=1) != compose(tokens_per_batch=300, seed=2)


def test_grouping_by_length_pads_less() -> None:
    def positions(strategy: str) -> int:
        batches = compose(train_sampling_strategy=strategy, tokens_per_batch=400, padded=True)
        return sum(len(batch) * max(TOKENS[row] for row in batch) for batch in batches)

    assert positions("group_by_length") < 0.9 * positions("random")


def test_rows_next_to_each_other_stay_so_in_sequential_batches() -> None:
    batches = compose(train_sampling_strategy="sequential", per_device_train_batch_size=40)
    assert batches == [list(range(40)), list(range(40, 80)), [80, 81, 82]]


def test_fewer_rows_than_ranks_are_left_to_accelerate() -> None:
    assert compose_batches([5, 6], TrainingConfig(tokens_per_batch=100), padded=False, ranks=3) in (
        [[0], [1]],
        [[1], [0]],
    )


def test_an_epoch_visits_every_batch_in_an_order_of_its_own_and_the_first_begins_with_the_longest_row() -> None:
    composed = compose(tokens_per_batch=300)
    batches = EpochBatches(composed, seed=0)
    first, again = list(batches), list(batches)
    batches.set_epoch(1)
    second = list(batches)
    assert first == again != second
    assert sorted(first) == sorted(second) == sorted(composed)
    assert TOKENS.index(max(TOKENS)) in first[0]


@pytest.mark.parametrize(
    ("layout", "tokens"),
    [("prefix-packed", 16), ("prefix-shared", 16), ("packed", 26), ("separate", 28), ("padded", 28)],
)
def test_a_row_counts_as_the_layout_feeds_it(layout: str, tokens: int) -> None:
    assert row_tokens(rows((10, 3, 5), (1, 2, 2)).branches, layout)[0] == tokens


def test_a_mismatched_response_is_fed_and_counts() -> None:
    assert row_tokens(rows((10, 3, 5), (1, 4, 2), mismatched=True).branches, "prefix-packed") == [19, 9]


def test_rows_beyond_the_budget_are_named() -> None:
    said: list[str] = []
    config = TrainingConfig(tokens_per_batch=19)
    batches = epoch_batches(rows((10, 3, 5), (2, 2, 2)), config, layout="prefix-packed", ranks=1, warn=said.append)
    assert list(batches or ()) == [[0], [1]]
    assert said == []
    epoch_batches(rows((10, 30, 5), (2, 2, 2)), config, layout="prefix-packed", ranks=1, warn=said.append)
    assert said == [
        "1 of 2 rows have more tokens than `training.tokens_per_batch=19`, up to 43: each of them is a batch alone"
    ]


def test_a_fixed_number_of_random_rows_is_left_to_the_trainer() -> None:
    assert epoch_batches(rows((1, 1, 1)), TrainingConfig(), layout="padded", ranks=1, warn=print) is None


@pytest.mark.parametrize(
    ("rows", "per_device", "ranks", "drops", "expected"),
    [
        (13, 4, 1, False, None),
        (16, 4, 2, False, None),
        (13, 4, 2, False, "13 rows do not divide into batches of 8 (2 x 4): every epoch repeats 3 rows"),
        (13, 4, 2, True, "every epoch leaves out the last 5 rows"),
        (13, 4, 1, True, "every epoch leaves out the last 1 rows"),
    ],
)
def test_rows_that_an_epoch_repeats_or_leaves_out_are_told(
    rows: int, per_device: int, ranks: int, *, drops: bool, expected: str | None
) -> None:
    found = uneven_rows(rows, per_device, ranks, drops=drops)
    assert found is None if expected is None else expected in (found or "")


@pytest.mark.parametrize(("rows", "per_device", "ranks"), [(13, 4, 2), (9, 2, 4), (3, 4, 2), (16, 4, 2)])
def test_accelerate_repeats_as_many_rows_as_we_say(rows: int, per_device: int, ranks: int) -> None:
    batches = BatchSampler(SequentialSampler(range(rows)), per_device, drop_last=False)
    shards = [BatchSamplerShard(batches, ranks, rank) for rank in range(ranks)]
    visits = Counter(row for shard in shards for batch in shard for row in batch)
    assert sum(visits.values()) - rows == -rows % (per_device * ranks)
    assert set(visits) == set(range(rows))
