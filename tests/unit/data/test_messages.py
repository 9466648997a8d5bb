from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from datasets import Dataset

from upo_sdk.config.sections import DataConfig
from upo_sdk.data import completions, load_preference_data, tokenize
from upo_sdk.data.messages import load_conversation
from upo_sdk.errors import DataError
from upo_sdk.objectives import Needs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from transformers import PreTrainedTokenizerFast

    from upo_sdk.data import PreferenceData

    Load = Callable[..., PreferenceData]
    MakeTokenizer = Callable[..., PreTrainedTokenizerFast]

ASK = {"role": "user", "content": "a"}
CALL = {"type": "function", "function": {"name": "look", "arguments": {"city": "Bern"}}}
TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}]
YES = {"role": "assistant", "content": "yes"}
NO = {"role": "assistant", "content": "no"}


def pair(**changes: Any) -> dict[str, Any]:
    return {"prompt": [ASK], "chosen": [YES], "rejected": [NO]} | changes


def test_messages_keep_every_key(load: Load) -> None:
    thought = YES | {"reasoning_content": "hm", "name": "bob", "weight": 0, "tool_calls": [CALL]}
    answer = {"role": "tool", "tool_call_id": "7", "name": "look", "content": "rain"}
    data = load(pair(prompt=[ASK | {"name": "ann"}, thought, answer], chosen=[thought]))
    prompt, (chosen, _), _ = load_conversation(data.train[0])
    assert prompt == [ASK | {"name": "ann"}, thought, answer]
    assert chosen == [thought]


def test_a_message_of_tool_calls_alone_is_an_answer(load: Load) -> None:
    calling = {"role": "assistant", "tool_calls": [CALL]}
    other = {"role": "assistant", "content": None, "tool_calls": [CALL | {"id": "2"}]}
    row = load(pair(chosen=[calling], rejected=[other])).train[0]
    assert load_conversation(row).responses == [[calling | {"content": ""}], [other | {"content": ""}]]
    assert row["responses"] == ["", ""]


def test_equal_tool_calls_are_equal_responses(load: Load) -> None:
    calling = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    with pytest.raises(DataError, match="column 'chosen': equals 'rejected'"):
        load(pair(chosen=[calling], rejected=[calling]))


@pytest.mark.parametrize(
    "parts",
    [
        [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}],
        [{"type": "input_text", "text": "one "}, {"type": "output_text", "text": "two"}],
        ["one ", {"text": "two"}],
        {"type": "text", "content": "one two"},
    ],
)
def test_text_parts_are_joined(load: Load, parts: Any) -> None:
    row = load(pair(prompt=[{"role": "user", "content": parts}])).train[0]
    assert row["prompt"] == "one two"
    assert load_conversation(row).prompt == [{"role": "user", "content": "one two"}]


def test_other_parts_are_refused_by_name(load: Load) -> None:
    parts = [{"type": "text", "text": "what is"}, {"type": "image_url", "image_url": {"url": "x.png"}}]
    with pytest.raises(DataError, match=r"column 'prompt': message 1 has a part of type 'image_url': only text"):
        load(pair(prompt=[{"role": "user", "content": parts}]))


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"type": "text", "text": None}, "a part of type 'text' without a text: only text"),
        (
            {"type": "thinking", "thinking": "hm"},
            "a part of type 'thinking': write it into the key 'reasoning_content'",
        ),
        (None, "a part that is null: only text"),
    ],
)
def test_a_part_that_cannot_be_read_is_refused_with_the_way_to_write_it(load: Load, part: Any, said: str) -> None:
    with pytest.raises(DataError, match=f"column 'prompt': message 1 has {said}"):
        load(pair(prompt=[{"role": "user", "content": [part]}]))


def test_a_key_that_another_one_replaces_is_kept_for_the_template(load: Load) -> None:
    both = {"role": "user", "from": "gpt", "content": "hi", "value": "other"}
    assert load_conversation(load(pair(prompt=[both])).train[0]).prompt == [both]


def test_null_keys_are_absent_keys_so_that_a_parquet_file_gives_the_same_rows(tmp_path: Path) -> None:
    rows = [pair(chosen=[YES | {"tool_calls": [CALL]}]), pair(chosen=[YES | {"reasoning_content": "hm"}])]
    (tmp_path / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    Dataset.from_list(rows).to_parquet(tmp_path / "data.parquet")
    lines, parquet = (
        load_preference_data(DataConfig(path=str(tmp_path / f"data.{kind}"))) for kind in ("jsonl", "parquet")
    )
    assert lines.fingerprint == parquet.fingerprint
    assert load_conversation(parquet.train[0]).responses[0] == [YES | {"tool_calls": [CALL]}]


@pytest.mark.parametrize("write", [lambda value: value, json.dumps])
def test_tools_documents_and_keyword_arguments_reach_the_template(load: Load, write: Callable[[Any], Any]) -> None:
    row = pair(tools=write(TOOLS), documents=write([{"title": "t"}]), chat_template_kwargs=write({"thinking": False}))
    data = load(row, pair(tools=None, documents=[], chat_template_kwargs=""))
    assert load_conversation(data.train[0]).template_inputs == {
        "tools": TOOLS,
        "documents": [{"title": "t"}],
        "thinking": False,
    }
    assert load_conversation(data.train[1]).template_inputs == {}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("tools", "look()", "is text that is not valid JSON"),
        ("tools", {"name": "look"}, "is an object, not a list of objects"),
        ("documents", ["d"], "is a list, not a list of objects"),
        ("chat_template_kwargs", [1], "is a list, not an object"),
        ("chat_template_kwargs", {"tokenize": True}, "holds 'tokenize', which is set for you"),
    ],
)
def test_a_wrong_argument_of_the_template_is_refused(load: Load, column: str, value: object, reason: str) -> None:
    with pytest.raises(DataError, match=f"row 1, column '{column}': {reason}"):
        load(pair(**{column: value}))


def test_what_the_template_reads_changes_the_tokens(load: Load, make_tokenizer: MakeTokenizer) -> None:
    tokenizer = make_tokenizer(chat=True)
    tokenizer.chat_template = (
        "{% if tools %}{{ tools | length }}{% endif %}{{ mood }}"
        "{% for m in messages %}{{ m.reasoning_content }}{{ m.content }}{% endfor %}"
    )
    row = pair(chosen=[YES | {"reasoning_content": "hm "}], tools=TOOLS, chat_template_kwargs={"mood": "!"})
    tokens = tokenize(load(row).train, tokenizer, max_length=50, max_prompt_length=None).dataset[0]
    assert tokens["prompt_ids"] == [ord(character) for character in "1!a"]
    assert tokens["response_ids"][0] == [*(ord(character) for character in "hm yes"), 1]


def test_objectives_that_ask_get_the_messages_with_every_key(load: Load) -> None:
    data = load(pair(chosen=[YES | {"reasoning_content": "hm"}])).train
    first, second = completions(data, Needs(messages=True))
    assert (first.prompt_messages, first.response_messages) == ([ASK], [YES | {"reasoning_content": "hm"}])
    assert second.response_messages == [NO]


def test_a_number_in_a_message_that_the_template_does_not_read_is_named(
    load: Load, make_tokenizer: MakeTokenizer
) -> None:
    tokenizer = make_tokenizer(chat=True)
    data = load(pair(prompt=[ASK | {"weight": 0}], chosen=[YES | {"train": True}])).train
    found = tokenize(data, tokenizer, max_length=50, max_prompt_length=None).findings
    assert {item.detail for item in found if item.kind == "dropped"} == {
        "'weight' of user messages in prompts",
        "'train' of assistant messages in responses",
    }
    tokenizer.chat_template = str(tokenizer.chat_template) + "{# weight, train #}"
    found = tokenize(data, tokenizer, max_length=50, max_prompt_length=None).findings
    assert [item for item in found if item.kind == "dropped"] == []
