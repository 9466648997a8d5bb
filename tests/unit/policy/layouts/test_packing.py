"""Packing puts every sequence into exactly one row and never widens a row."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.policy.layouts.packing import pack


def test_short_sequences_fill_the_room_beside_longer_ones() -> None:
    assert pack([5, 2, 3, 4, 1]) == [[0], [3, 4], [2, 1]]


@given(st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_every_sequence_is_in_one_row_and_no_row_is_longer_than_the_longest_sequence(lengths: list[int]) -> None:
    rows = pack(lengths)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert max(sum(lengths[index] for index in row) for row in rows) == max(lengths)
