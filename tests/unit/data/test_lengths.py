from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.data import cut_batches

TOKENS = [4, 3, 5, 20, 2, 6]


def test_a_batch_ends_where_the_next_row_would_exceed_the_budget() -> None:
    assert cut_batches(range(6), TOKENS, 12, padded=False) == [[0, 1, 2], [3], [4, 5]]


def test_padding_to_the_longest_row_counts_where_the_layout_pads() -> None:
    assert cut_batches(range(6), TOKENS, 12, padded=True) == [[0, 1], [2], [3], [4, 5]]


def test_a_row_beyond_the_budget_is_a_batch_of_its_own() -> None:
    assert cut_batches([4, 3, 5], TOKENS, 12, padded=False) == [[4], [3], [5]]


@given(st.lists(st.integers(1, 50), min_size=1), st.integers(1, 120), st.booleans())
def test_no_row_is_lost_and_no_batch_of_several_rows_exceeds_the_budget(
    tokens_R: list[int],
    budget: int,
    padded: bool,  # noqa: FBT001 - hypothesis passes it
) -> None:
    batches = cut_batches(range(len(tokens_R)), tokens_R, budget, padded=padded)
    assert [row for batch in batches for row in batch] == list(range(len(tokens_R)))
    for batch in batches:
        tokens = [tokens_R[row] for row in batch]
        assert len(batch) == 1 or (len(batch) * max(tokens) if padded else sum(tokens)) <= budget
