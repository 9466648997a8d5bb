from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.data.rows import split_messages, split_text


def test_a_transcript_is_split_behind_the_last_shared_assistant_turn() -> None:
    opening = "\n\nHuman: Hi\n\nAssistant: Hello!\n\nHuman: Who are you?\n\nAssistant:"
    assert split_text(f"{opening} I am a bot.", f"{opening} I am Bob.") == (opening, " I am a bot.", " I am Bob.")


@pytest.mark.parametrize(
    ("chosen", "rejected", "expected"),
    [
        ("The sky is blue.", "The sky is green.", ("The sky is", " blue.", " green.")),
        ("The sky is blue.", "The sky is black.", ("The sky is", " blue.", " black.")),
        ("Q?\nYes", "Q?\nYellow", ("Q?\n", "Yes", "Yellow")),
        ("one two", "one\ttwo", ("one", " two", "\ttwo")),
        ("abc", "abd", ("", "abc", "abd")),
        ("x", "y", ("", "x", "y")),
    ],
)
def test_a_text_is_split_behind_the_last_whole_shared_word(
    chosen: str, rejected: str, expected: tuple[str, str, str]
) -> None:
    assert split_text(chosen, rejected) == expected


@given(st.text("ab \n", max_size=20), st.text("ab \n", max_size=20))
def test_nothing_is_lost_when_a_text_is_split(chosen: str, rejected: str) -> None:
    prompt, first, second = split_text(chosen, rejected)
    assert (prompt + first, prompt + second) == (chosen, rejected)


def test_the_prompt_of_conversations_is_the_shared_messages() -> None:
    user, yes, no = ({"role": "user", "content": "?"}, {"role": "assistant", "content": "yes"}, {})
    assert split_messages([user, yes], [user, no]) == ([user], [yes], [no])
