from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_sdk.data import completions, tokenize
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from transformers import PreTrainedTokenizerFast

    from upo_sdk.data import PreferenceData

ROWS = [
    {"prompt": "p", "chosen": "good", "rejected": "bad", "topic": {"name": "x"}, "scores": [1, None]},
    {"prompt": "q", "chosen": "yes", "rejected": "no", "topic": None, "scores": []},
]


def test_completions_come_row_by_row_and_chosen_first(load: Callable[..., PreferenceData]) -> None:
    found = completions(load(*ROWS).train)
    assert [(item.prompt, item.response) for item in found] == [("p", "good"), ("p", "bad"), ("q", "yes"), ("q", "no")]
    assert all(item.columns == {} and item.token_count is None for item in found)


def test_only_the_columns_asked_for_are_handed_over(load: Callable[..., PreferenceData]) -> None:
    found = completions(load(*ROWS).train, columns={"topic"})
    assert [item.columns for item in found] == [{"topic": {"name": "x"}}] * 2 + [{"topic": None}] * 2


def test_the_further_columns_are_those_that_every_row_has(load: Callable[..., PreferenceData]) -> None:
    assert load(*ROWS).columns == {"topic", "scores"}
    assert load(*ROWS, {"prompt": "r", "chosen": "a", "rejected": "b", "topic": "t", "new": 1}).columns == {"topic"}


def test_a_column_that_is_not_there_is_named_with_those_that_are(load: Callable[..., PreferenceData]) -> None:
    with pytest.raises(DataError) as error:
        completions(load(*ROWS).train, columns={"topics"})
    assert "'topics'" in error.value.what
    assert "topic, scores" in (error.value.fix or "")


def test_token_counts_are_of_the_whole_response_without_the_end_of_sequence(
    load: Callable[..., PreferenceData], make_tokenizer: Callable[..., PreTrainedTokenizerFast]
) -> None:
    tokenized = tokenize(load(*ROWS).train, make_tokenizer(), max_length=3, max_prompt_length=None)
    assert [item.token_count for item in completions(tokenized.dataset, token_counts=True)] == [4, 3, 3, 2]
    assert [len(ids) for ids in tokenized.dataset[0]["response_ids"]] == [2, 2]


def test_token_counts_without_tokens_are_refused(load: Callable[..., PreferenceData]) -> None:
    with pytest.raises(ValueError, match="tokenize"):
        completions(load(*ROWS).train, token_counts=True)


def test_completions_are_read_from_the_data_when_they_are_asked_for(load: Callable[..., PreferenceData]) -> None:
    found = completions(load(*ROWS).train)
    assert len(found) == 4
    assert [found[n].response for n in (3, 0, -1, -4)] == ["no", "good", "no", "good"]
    assert [item.response for item in found[1:3]] == ["bad", "yes"]
    assert found[::-1] == list(reversed(list(found)))
    with pytest.raises(IndexError):
        found[4]
