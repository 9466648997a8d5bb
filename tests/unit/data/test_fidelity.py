"""What the user wrote against what well-known chat templates make of it: found without a list of keys, told once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from chat_templates import FAMILIES, Family, chat_tokenizer

from upo_sdk.data import completions, tokenize
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.data import PreferenceData, Tokenized

    Load = Callable[..., PreferenceData]


def said(role: str, content: str | None, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def row(*prompt: dict[str, Any], chosen: Any = "Good day", rejected: Any = "Go away", **more: Any) -> dict[str, Any]:
    responses = {
        name: response if isinstance(response, list) else [said("assistant", response)]
        for name, response in (("chosen", chosen), ("rejected", rejected))
    }
    return {"prompt": list(prompt) or [said("user", "Hello there")], **responses, **more}


def tokenized(load: Load, family: Any, *rows: dict[str, Any], **settings: Any) -> Tokenized:
    limits = {"max_length": 1000, "max_prompt_length": None} | settings
    return tokenize(load(*rows).train, chat_tokenizer(family), **limits)


def kinds(made: Tokenized) -> list[tuple[str, str]]:
    return [(item.kind, item.detail) for item in made.findings]


def trained(family: str, made: Tokenized, which: int = 0) -> list[str]:
    tokenizer, first = chat_tokenizer(family), made.dataset[0]
    ids, places = first["response_ids"][which], (first.get("response_trained") or [None, None])[which]
    runs = [(0, len(ids))] if places is None else zip(places[::2], places[1::2], strict=True)
    return [tokenizer.decode(ids[start:end]) for start, end in runs]


INNER = row(
    chosen=[said("assistant", "Good day"), said("user", "And then?"), said("assistant", "The end")],
    rejected=[said("assistant", "Go away"), said("user", "And then?"), said("assistant", "Never")],
)


def test_well_behaved_conversations_are_silent(load: Load) -> None:
    rows = [row(said("system", "Be kind."), said("user", "Hi")), row(said("user", "a"), said("user", "a"))]
    assert tokenized(load, "chatml", *rows).findings == ()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_prompt_is_the_templates_own_generation_prompt(load: Load, family: str) -> None:
    made = tokenized(load, family, row())
    tokenizer = chat_tokenizer(family)
    own = tokenizer.apply_chat_template([said("user", "Hello there")], tokenize=False, add_generation_prompt=True)
    opened = tokenizer.decode(made.dataset[0]["prompt_ids"])
    if family == "deepseek-r1":
        assert own == f"{opened}<think>\n"
        assert ("opening", "'<think>\\n'") in kinds(made)
    else:
        assert own == opened
        assert "opening" not in dict(kinds(made))


@pytest.mark.parametrize(
    ("family", "expected"),
    [
        ("chatml", ["Good day<|im_end|>", "The end<|im_end|>"]),
        ("qwen2.5", ["Good day<|im_end|>", "The end<|im_end|>"]),
        ("qwen3", ["Good day<|im_end|>", "<think>\n\n</think>\n\nThe end<|im_end|>"]),
        ("llama-2", [" Good day </s>", " The end </s>"]),
        ("llama-3.1", ["Good day<|eot_id|>", "The end<|eot_id|>"]),
        ("llama-3.2", ["Good day<|eot_id|>", "The end<|eot_id|>"]),
        ("mistral", [" Good day</s>", " The end</s>"]),
        ("gemma", ["Good day<end_of_turn>\n", "The end<end_of_turn>\n<eos>"]),
        ("phi-3", ["Good day<|end|>\n", "The end<|end|>\n<|endoftext|>"]),
        ("deepseek-r1", ["Good day<｜end▁of▁sentence｜>", "The end<｜end▁of▁sentence｜>"]),
    ],
)
def test_of_a_response_with_a_turn_of_the_user_only_the_models_text_is_trained(
    load: Load, family: str, expected: list[str]
) -> None:
    made = tokenized(load, family, INNER)
    assert trained(family, made) == expected
    assert ("other_speakers", "user") in kinds(made)
    assert [item.response for item in completions(made.dataset)] == ["Good day\n\nThe end", "Go away\n\nNever"]
    assert (
        made.dataset[0]["response_token_counts"][0]
        == sum(len(chat_tokenizer(family)(text)["input_ids"]) for text in expected) - 1
    )  # without the last end-of-sequence token


def test_two_answers_in_a_row_do_not_train_the_header_between_them(load: Load) -> None:
    both = [said("assistant", "One"), said("assistant", "Two")]
    assert trained("chatml", tokenized(load, "chatml", row(chosen=both))) == ["One<|im_end|>", "Two<|im_end|>"]


def test_where_nobody_else_speaks_there_is_no_mask(load: Load) -> None:
    assert "response_trained" not in tokenized(load, "chatml", row()).dataset.column_names


def test_rows_with_other_speakers_are_counted(load: Load) -> None:
    (found,) = tokenized(load, "chatml", row(), INNER, row(), INNER).findings
    assert (found.rows, found.of, found.first_row) == (2, 4, 2)
    assert "2 of 4 rows, first row 2" in found.text


REASONED = [said("assistant", "Fine.", reasoning_content="Think hard about it.")]


@pytest.mark.parametrize(
    ("family", "given", "expected"),
    [
        ("chatml", row(chosen=REASONED), [("dropped", "'reasoning_content' of assistant messages in responses")]),
        ("qwen3", row(chosen=REASONED, rejected=REASONED[:0] or [said("assistant", "No.", reasoning_content="x y")]),
         [("unscored", "'reasoning_content'")]),
        ("qwen3", row(said("user", "a"), *REASONED, said("user", "b"), chosen="<think>\nhm\n</think>\n\nyes",
                      rejected="<think>\nhm\n</think>\n\nno"),
         [("dropped", "'reasoning_content' of assistant messages in prompts")]),
        ("qwen3", row(), [("added_to_answers", "'<think>\\n\\n</think>'")]),
        ("qwen3", row(chat_template_kwargs={"enable_thinking": False}), []),
        ("chatml", row(chat_template_kwargs={"enable_thinking": False}),
         [("dropped", "'enable_thinking' of chat_template_kwargs, which it does not know")]),
        ("chatml", row(tools=[{"type": "function", "function": {"name": "get_time", "description": "Time in a city"}}]),
         [("dropped", "'tools'")]),
        ("chatml", row(said("user", "Hello", name="Ann-Marie")), [("dropped", "'name' of user messages in prompts")]),
        ("chatml", row(documents=[{"title": "On time", "text": "It flies."}]), [("dropped", "'documents'")]),
        ("chatml", row(said("user", "Hello"), said("assistant", "Well,")), [("continued", "")]),
        ("qwen2.5", row(),
         [("added_to_prompts", "'You are Qwen, created by Alibaba Cloud. You are a helpful assistant.'")]),
        ("qwen2.5", row(said("system", "Be kind."), said("user", "Hi")), []),
        ("gemma", row(), [("eos_added", "")]),
        ("deepseek-r1", row(chosen="<think>hm</think>Yes", rejected="<think>hm</think>No"),
         [("unlearned", "'content' of assistant messages in responses"), ("opening", "'<think>\\n'")]),
    ],
)  # fmt: skip
def test_every_difference_is_named(load: Load, family: str, given: dict[str, Any], expected: Any) -> None:
    assert kinds(tokenized(load, family, given)) == expected


def test_tools_that_the_template_writes_are_silent_and_calls_are_learned_and_not_scored(load: Load) -> None:
    tool = {"type": "function", "function": {"name": "get_time", "parameters": {"properties": {"city": "string"}}}}
    call = {"type": "function", "id": "call_7", "function": {"name": "get_time", "arguments": {"city": 'Gießen "Süd"'}}}
    calling = [said("assistant", "", tool_calls=[call]), said("tool", "12:30"), said("assistant", "It is 12:30.")]
    made = tokenized(load, "qwen3", row(tools=[tool], chosen=calling, rejected="I do not know."))
    assert kinds(made) == [
        ("dropped", "'tool_calls.id' of assistant messages in responses"),
        ("unscored", "'tool_calls'"),
        ("added_to_answers", "'<think>\\n\\n</think>'"),
        ("added_to_prompts", "'You may call one or more functions to assist with the user query.'"),
        ("other_speakers", "tool"),
    ]


def test_of_equal_names_the_one_that_the_template_leaves_out_is_named(load: Load) -> None:
    tool = {"type": "function", "function": {"name": "get_time"}}
    calling = said(
        "assistant", "", tool_calls=[{"type": "function", "function": {"name": "get_time", "arguments": {}}}]
    )
    answer = said("tool", "12:30", name="get_time")
    made = tokenized(load, "qwen3", row(said("user", "Time?"), calling, answer, tools=[tool]))
    assert ("dropped", "'name' of tool messages in prompts") in kinds(made)
    assert not any("tools" in detail for kind, detail in kinds(made) if kind == "dropped")


def test_a_short_text_that_only_stands_in_another_one_is_missing(load: Load) -> None:
    without_system = Family(
        "{% for m in messages if m.role != 'system' %}{{ '<|im_start|>' + m.role + '\\n' + m.content }}<|im_end|>\n"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "<|im_end|>", None, ("<|im_start|>",),
    )  # fmt: skip
    made = tokenized(load, without_system, row(said("system", "Hi"), said("user", "Hi all")))
    assert kinds(made) == [("dropped", "'content' of system messages in prompts")]


def test_what_was_found_is_kept_with_the_tokens(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tokenized(load, "chatml", INNER)
    monkeypatch.setattr("upo_sdk.data.encoding.Encoder.encode", None)  # what is called now fails
    assert tokenized(load, "chatml", INNER).findings == first.findings


def test_a_template_that_rewrites_the_conversation_is_refused_with_what_it_wrote(load: Load) -> None:
    with pytest.raises(DataError, match=r"row 1, .*differently once the answer is there, .*Be kind"):
        tokenized(load, "mistral", row(said("system", "Be kind."), said("user", "Hi")))


@pytest.mark.parametrize(("family", "reason"), [("gemma", "System role not supported"), ("llama-2", "must alternate")])
def test_what_a_template_refuses_is_said_with_the_row(load: Load, family: str, reason: str) -> None:
    bad = row(said("system", "Be kind."), said("assistant", "Hm."), said("user", "Hi"))
    with pytest.raises(DataError, match=rf"row 2, .*{reason}"):
        tokenized(load, family, row(), bad)


def test_a_token_that_prompt_and_response_share_is_told_for_plain_text(load: Load) -> None:
    tokenizer = chat_tokenizer("chatml", merges=[("Ġ", "a")])
    rows = [{"prompt": "Q: ", "chosen": "abc", "rejected": "xyz"}, {"prompt": "Q:", "chosen": " abc", "rejected": " x"}]
    (found,) = tokenize(load(*rows).train, tokenizer, max_length=50, max_prompt_length=None).findings
    assert (found.kind, found.rows, found.first_row) == ("merged", 1, 1)
