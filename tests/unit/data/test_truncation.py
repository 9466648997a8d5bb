from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.data.truncation import Limits, truncate

ids = st.lists(st.integers(10, 99), min_size=1, max_size=30)
BOS = 1


def test_what_fits_is_left_alone() -> None:
    assert truncate([1, 2], [[3], [4, 5]], Limits(max_length=4, max_prompt_length=None)) == ([1, 2], [[3], [4, 5]])


def test_the_prompt_loses_its_beginning_before_a_response_loses_anything() -> None:
    prompt, responses = truncate([1, 2, 3, 4], [[5], [6, 7]], Limits(max_length=4, max_prompt_length=None))
    assert prompt == [3, 4]
    assert responses == [[5], [6, 7]]


def test_the_response_loses_its_end_once_one_prompt_token_is_left() -> None:
    prompt, responses = truncate([1, 2, 3], [[4, 5, 6, 7], [8]], Limits(max_length=3, max_prompt_length=None))
    assert prompt == [3]
    assert responses == [[4, 5], [8]]


def test_the_limit_on_the_prompt_holds_even_if_the_row_would_fit() -> None:
    assert truncate([1, 2, 3], [[4]], Limits(max_length=9, max_prompt_length=2)) == ([2, 3], [[4]])


def test_the_beginning_of_sequence_token_stays_first() -> None:
    assert truncate([BOS, 2, 3, 4], [[5]], Limits(max_length=3, max_prompt_length=None), bos=BOS)[0] == [BOS, 4]


def test_a_single_prompt_token_is_the_last_one_and_not_the_beginning_of_sequence() -> None:
    assert truncate([BOS, 2, 3], [[5, 6]], Limits(max_length=3, max_prompt_length=None), bos=BOS)[0] == [3]


@given(prompt=ids, responses=st.lists(ids, min_size=1, max_size=2), limit=st.integers(2, 40), bos=st.booleans())
def test_invariants_of_truncation(prompt: list[int], responses: list[list[int]], limit: int, bos: bool) -> None:  # noqa: FBT001
    prompt = [BOS, *prompt] if bos else prompt
    short, cut = truncate(prompt, responses, Limits(max_length=limit, max_prompt_length=None), bos=BOS)
    longest = max(map(len, responses))

    assert len(short) >= 1
    assert all(len(response) >= 1 for response in cut)
    assert len(short) + max(map(len, cut)) <= limit
    assert all(whole[: len(part)] == part for whole, part in zip(responses, cut, strict=True))
    assert short[-1] == prompt[-1]
    assert short in (prompt[-len(short) :], [BOS, *prompt[len(prompt) - len(short) + 1 :]])
    if cut != responses:
        assert len(short) == 1
    if len(short) < len(prompt):
        assert len(short) == max(1, limit - longest)


@given(
    prompt=ids, responses=st.lists(ids, min_size=1, max_size=2), limit=st.integers(2, 40), share=st.floats(0.01, 0.99)
)
def test_a_limit_on_the_prompt_is_never_exceeded(
    prompt: list[int], responses: list[list[int]], limit: int, share: float
) -> None:
    most = max(1, int(share * limit))
    short, _ = truncate(prompt, responses, Limits(max_length=limit, max_prompt_length=most))
    assert len(short) <= most
