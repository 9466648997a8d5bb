"""Objectives score what truncation leaves: the beginning of a text, and conversations without their oldest turns."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from chat_templates import chat_tokenizer

from upo_sdk.data import completions, tokenize
from upo_sdk.data.truncation import with_fewer_turns
from upo_sdk.errors import DataError
from upo_sdk.objectives import Needs

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.data import PreferenceData, Tokenized

    Load = Callable[..., PreferenceData]

NEEDS = Needs(token_counts=True, messages=True)


def said(role: str, content: str, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def chat(*prompt: dict[str, Any], chosen: Any = "Good", rejected: Any = "Bad") -> dict[str, Any]:
    one = {
        name: response if isinstance(response, list) else [said("assistant", response)]
        for name, response in (("chosen", chosen), ("rejected", rejected))
    }
    return {"prompt": list(prompt), **one}


def cut(load: Load, *rows: dict[str, Any], family: str = "chatml", **limits: Any) -> Tokenized:
    limits = {"max_prompt_length": None} | limits
    return tokenize(load(*rows).train, chat_tokenizer(family), **limits)


def test_a_shortened_response_is_scored_as_far_as_it_is_learned(load: Load) -> None:
    made = cut(load, {"prompt": "Q", "chosen": " fine, you idiot", "rejected": " no"}, max_length=7)
    chosen, rejected = completions(made.dataset, NEEDS)
    assert (chosen.response, chosen.token_count) == (" fine,", 6)
    assert (rejected.response, rejected.token_count) == (" no", 3)
    assert made.dataset[0]["responses"] == [" fine, you idiot", " no"]  # what the data have stays


def test_a_response_that_loses_only_its_end_of_sequence_token_is_whole(load: Load) -> None:
    made = cut(load, {"prompt": "Q", "chosen": "fine", "rejected": "no"}, max_length=5)
    assert [item.response for item in completions(made.dataset)] == ["fine", "no"]
    assert made.report.responses_shortened == 1


def test_a_letter_of_which_a_part_was_cut_is_not_scored(load: Load) -> None:
    made = cut(load, {"prompt": "Q", "chosen": "aé€z", "rejected": "no"}, max_length=6)  # 1 + 1 + 2 of 3 bytes + ...
    assert completions(made.dataset)[0].response == "aé"


def test_a_shortened_prompt_is_scored_as_far_as_it_is_read_and_groups_as_it_was(load: Load) -> None:
    made = cut(load, {"prompt": "0123456789", "chosen": "yes", "rejected": "no"}, max_length=8)
    assert completions(made.dataset)[0].prompt == "6789"
    assert made.dataset[0]["prompt"] == "0123456789"


def test_a_tokenizer_without_offsets_finds_the_same_texts(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"prompt": "0123456789", "chosen": "a long response", "rejected": "no"}
    expected = list(completions(cut(load, row, max_length=10).dataset))
    monkeypatch.setenv("UPO_CACHE_DIR", "")
    from upo_sdk.data.text_encoder import TextEncoder

    tokenizer = chat_tokenizer("chatml")
    encoder = TextEncoder(tokenizer, add_special_tokens=True)
    text = row["prompt"] + row["chosen"]
    by_offsets = [encoder.place_behind(text, count) for count in range(len(text))]
    encoder._backend = None
    assert [encoder.place_behind(text, count) for count in range(len(text))] == by_offsets == list(range(len(text)))
    assert [item.response for item in expected] == ["a long re", "no"]


HISTORY = [
    said("system", "S"),
    said("user", "one"),
    said("assistant", "two"),
    said("user", "three"),
    said("assistant", "four"),
    said("user", "five"),
]


def test_a_conversation_loses_whole_turns_and_keeps_its_system_message() -> None:
    assert with_fewer_turns(HISTORY) == [[HISTORY[0], *HISTORY[3:]], [HISTORY[0], HISTORY[5]]]


def test_a_turn_of_the_last_user_message_keeps_its_tool_calls() -> None:
    last = [said("user", "c"), said("assistant", ""), said("tool", "x")]
    assert with_fewer_turns([said("user", "a"), said("assistant", "b"), *last]) == [last]
    assert with_fewer_turns(last) == []


@pytest.mark.parametrize("family", ["chatml", "llama-2", "llama-3.1", "gemma", "phi-3"])
def test_a_prompt_too_long_is_a_conversation_again(load: Load, family: str) -> None:
    history = HISTORY[family == "gemma" :]
    tokenizer = chat_tokenizer(family)
    left = [*history[: family != "gemma"], history[-1]]
    rendered = tokenizer.apply_chat_template(left, tokenize=False, add_generation_prompt=True)
    needed = len(tokenizer(rendered, add_special_tokens=False)["input_ids"])
    made = cut(load, chat(*history), family=family, max_length=needed + 12)
    assert tokenizer.decode(made.dataset[0]["prompt_ids"]) == rendered
    assert completions(made.dataset, NEEDS)[0].prompt_messages == left
    assert completions(made.dataset)[1].prompt == "\n\n".join(message["content"] for message in left)
    assert (made.report.prompts_shortened, made.report.responses_shortened) == (1, 0)
    assert "1 of 1 prompts lost their oldest turns" in made.report.describe()


def test_a_conversation_without_room_is_left_out_and_what_would_fit_is_said(load: Load) -> None:
    rows = [chat(said("user", "x" * 60)), chat(said("user", "hi"))]
    made = cut(load, *rows, max_length=60)
    assert made.dataset["row"][:] == [2]
    # "<|im_start|>user\n" 6, 60, "<|im_end|>\n" 2, "<|im_start|>assistant\n" 11; "Good<|im_end|>" 5
    assert made.report.describe().endswith(
        "1 rows are left out, because their system message and last turn alone are too long: "
        "`data.max_length=84` would fit them"
    )
    assert cut(load, *rows, max_length=84).dataset["row"][:] == [1, 2]
    with pytest.raises(DataError, match="no row is left") as error:
        cut(load, rows[0], max_length=60)
    assert error.value.fix == "`data.max_length=84` would fit all of them, if the model has so many positions"


def test_a_last_turn_above_the_limit_on_prompts_says_which_limit(load: Load) -> None:
    with pytest.raises(DataError) as error:
        cut(load, chat(said("user", "x" * 60)), max_length=200, max_prompt_length=30)
    assert error.value.where == "`data.max_length=200`, `data.max_prompt_length=30`"
    assert error.value.fix == (
        "`data.max_length=84` without `data.max_prompt_length` would fit all of them, "
        "if the model has so many positions"
    )


def test_a_cut_answer_of_a_conversation_keeps_its_beginning_as_text_and_as_messages(load: Load) -> None:
    spoken = [said("assistant", " Good day"), said("user", "And?"), said("assistant", "The end of it")]
    made = cut(load, chat(said("user", "hi"), chosen=spoken), max_length=73)
    chosen = completions(made.dataset, NEEDS)[0]
    # prompt 6 + 2 + 2 + 11 = 21; " Good day" 9, end 2; user 6 + 4 + 2; header 11: the last answer begins at 55
    assert chosen.response == " Good day\n\nThe end of it"
    assert cut(load, chat(said("user", "hi"), chosen=spoken), max_length=62).report.responses_shortened == 1
    short = completions(cut(load, chat(said("user", "hi"), chosen=spoken), max_length=62).dataset, NEEDS)[0]
    assert short.response == " Good day\n\nThe end"
    assert short.response_messages == [*spoken[:2], said("assistant", "The end")]
    assert short.token_count == 9 + 1 + 7
    early = completions(cut(load, chat(said("user", "hi"), chosen=spoken), max_length=25).dataset, NEEDS)[0]
    assert early.response_messages == [said("assistant", "Goo")]


def test_reasoning_of_a_cut_answer_is_not_taken_for_its_content(load: Load) -> None:
    thought = [said("assistant", "Yes.", reasoning_content="A long thought about yes.")]
    made = cut(load, chat(said("user", "hi"), chosen=thought), family="qwen3", max_length=50)
    chosen = completions(made.dataset, NEEDS)[0]
    assert chosen.response == ""
    assert json.loads(made.dataset[0]["kept_response_messages"][0])[0]["content"] == ""
