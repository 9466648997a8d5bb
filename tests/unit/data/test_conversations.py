from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.data.messages import load_conversation
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.data import PreferenceData

    Load = Callable[..., PreferenceData]


def user(content: str) -> dict[str, str]:
    return {"role": "user", "content": content}


def bot(content: str) -> dict[str, str]:
    return {"role": "assistant", "content": content}


def test_messages_are_joined_by_blank_lines_for_the_objectives(load: Load) -> None:
    data = load({"prompt": [user("a"), bot("b"), user("c")], "chosen": [bot("good")], "rejected": [bot("bad")]})
    row = data.train[0]
    assert data.conversational
    assert row["prompt"] == "a\n\nb\n\nc"
    assert row["responses"] == ["good", "bad"]
    assert load_conversation(row) == ([user("a"), bot("b"), user("c")], [[bot("good")], [bot("bad")]], {})
    assert data.description.startswith("1 pairs (conversational, explicit prompt)")


def test_the_shared_messages_are_the_implicit_prompt(load: Load) -> None:
    data = load({"chosen": [user("a"), bot("yes")], "rejected": [user("a"), bot("no")]})
    assert load_conversation(data.train[0]).prompt == [user("a")]
    assert data.train[0]["responses"] == ["yes", "no"]
    assert "implicit prompt" in data.description


def test_a_prompt_in_text_repeated_in_the_conversations_is_not_doubled(load: Load) -> None:
    data = load({"prompt": "a", "chosen": [user("a"), bot("yes")], "rejected": [user("a"), bot("no")]})
    assert load_conversation(data.train[0]).prompt == [user("a")]


def test_a_prompt_in_text_opens_conversations_that_do_not_repeat_it(load: Load) -> None:
    data = load({"prompt": "a", "chosen": [bot("yes")], "rejected": [bot("no")]})
    assert load_conversation(data.train[0]).prompt == [user("a")]
    assert data.train[0]["responses"] == ["yes", "no"]


def test_labelled_conversations_are_read(load: Load) -> None:
    data = load({"prompt": [user("a")], "completion": [bot("yes")], "label": True})
    assert data.shape == "unpaired"
    assert load_conversation(data.train[0]).responses == [[bot("yes")]]


def test_sharegpt_messages_are_translated(load: Load) -> None:
    data = load(
        {
            "conversations": [{"from": "human", "value": "a"}],
            "chosen": {"from": "gpt", "value": "yes"},
            "rejected": {"from": "gpt", "value": "no"},
        }
    )
    assert load_conversation(data.train[0]).prompt == [user("a")]
    assert load_conversation(data.train[0]).responses == [[bot("yes")], [bot("no")]]
    assert "prompt from 'conversations'" in data.description


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"prompt": [user("a")], "chosen": [user("b")]}, "column 'chosen': has no message with the role 'assistant'"),
        (
            {"prompt": [user("a")], "chosen": [user("a"), bot("b")]},
            "column 'chosen': begins with a message of the role 'user'",
        ),
        (
            {"prompt": [user("a")], "chosen": [bot("b"), user("c")]},
            "column 'chosen': ends with a message of the role 'user'",
        ),
        ({"prompt": [user("a")], "chosen": [bot(" ")]}, "column 'chosen': is empty"),
        ({"prompt": [user("a")], "chosen": []}, "column 'chosen': has no message with the role 'assistant'"),
        ({"prompt": [], "chosen": [bot("b")]}, "column 'prompt': has no messages"),
        ({"prompt": [user("a")], "chosen": 7}, "column 'chosen': is a number, not a conversation"),
        ({"prompt": [user("a")], "chosen": ["text"]}, "column 'chosen': message 1 is text, not an object"),
        ({"prompt": [user("a")], "chosen": [{"content": "b"}]}, "column 'chosen': message 1 has no role"),
        ({"prompt": [user("a")], "chosen": [bot(None)]}, "column 'chosen': the content of message 1 is null, not text"),  # type: ignore[arg-type]
        ({"prompt": [user("a")], "chosen": [bot("no")]}, "column 'chosen': equals 'rejected'"),
    ],
)
def test_a_bad_conversation_is_named_with_its_row_and_column(load: Load, row: dict[str, Any], reason: str) -> None:
    good = {"prompt": [user("a")], "chosen": [bot("yes")], "rejected": [bot("no")]}
    with pytest.raises(DataError) as error:
        load(good, good | row)
    assert f"1 of 2 rows is bad: row 2, {reason}" in error.value.what


def test_equal_conversations_are_refused(load: Load) -> None:
    row = {"chosen": [user("a"), bot("yes")], "rejected": [user("a"), bot("yes")]}
    with pytest.raises(DataError, match="column 'chosen': equals 'rejected'"):
        load(row)


def test_conversations_that_share_nothing_have_no_prompt(load: Load) -> None:
    with pytest.raises(DataError, match="have no common beginning"):
        load({"chosen": [bot("a")], "rejected": [bot("b")]})
