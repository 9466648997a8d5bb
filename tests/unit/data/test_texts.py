from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_sdk.data import completions, tokenize
from upo_sdk.errors import DataError
from upo_sdk.objectives import Needs

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
    found = completions(load(*ROWS).train, Needs(columns=frozenset({"topic"})))
    assert [item.columns for item in found] == [{"topic": {"name": "x"}}] * 2 + [{"topic": None}] * 2


def test_the_further_columns_are_those_that_every_row_has(load: Callable[..., PreferenceData]) -> None:
    assert load(*ROWS).columns == {"topic", "scores"}
    assert load(*ROWS, {"prompt": "r", "chosen": "a", "rejected": "b", "topic": "t", "new": 1}).columns == {"topic"}


def test_a_column_that_is_not_there_is_named_with_those_that_are(load: Callable[..., PreferenceData]) -> None:
    with pytest.raises(DataError) as error:
        completions(load(*ROWS).train, Needs(columns=frozenset({"topics"})))
    assert "'topics'" in error.value.what
    assert "topic, scores" in (error.value.fix or "")


def test_token_counts_are_of_what_is_left_without_the_end_of_sequence(
    load: Callable[..., PreferenceData], make_tokenizer: Callable[..., PreTrainedTokenizerFast]
) -> None:
    tokenized = tokenize(load(*ROWS).train, make_tokenizer(), max_length=3, max_prompt_length=None)
    assert [item.token_count for item in completions(tokenized.dataset, Needs(token_counts=True))] == [2, 2, 2, 2]
    assert [len(ids) for ids in tokenized.dataset[0]["response_ids"]] == [2, 2]


def test_scores_go_to_their_own_response_and_columns_to_both(load: Callable[..., PreferenceData]) -> None:
    rows = [
        {"prompt": "p", "chosen": "good", "rejected": "bad", "topic": "x", "help": [3, 1.5]},
        {"prompt": "q", "chosen": "yes", "rejected": "no", "topic": "y", "help": ["0.5", 0]},
    ]
    needs = Needs(columns=frozenset({"topic"}), score_columns=frozenset({"help"}))
    found = completions(load(*rows).train, needs)
    assert [item.columns["help"] for item in found] == [3.0, 1.5, 0.5, 0.0]
    assert [item.columns["topic"] for item in found] == ["x", "x", "y", "y"]


def test_messages_are_handed_over_only_if_asked_for_and_there(load: Callable[..., PreferenceData]) -> None:
    user, good, bad = ({"role": role, "content": text} for role, text in [("user", "p"), *[("assistant", "g")] * 2])
    bad["content"] = "b"
    chat = load({"prompt": [user], "chosen": [good], "rejected": [bad]}).train
    assert [item.prompt_messages for item in completions(chat)] == [None, None]
    found = completions(chat, Needs(messages=True))
    assert [(item.prompt_messages, item.response_messages) for item in found] == [([user], [good]), ([user], [bad])]
    assert [item.prompt_messages for item in completions(load(*ROWS).train, Needs(messages=True))] == [None] * 4


def test_token_counts_without_tokens_are_refused(load: Callable[..., PreferenceData]) -> None:
    with pytest.raises(ValueError, match="tokenize"):
        completions(load(*ROWS).train, Needs(token_counts=True))


def test_completions_are_read_from_the_data_when_they_are_asked_for(load: Callable[..., PreferenceData]) -> None:
    found = completions(load(*ROWS).train)
    assert len(found) == 4
    assert [found[n].response for n in (3, 0, -1, -4)] == ["no", "good", "no", "good"]
    assert [item.response for item in found[1:3]] == ["bad", "yes"]
    assert found[::-1] == list(reversed(list(found)))
    with pytest.raises(IndexError):
        found[4]
