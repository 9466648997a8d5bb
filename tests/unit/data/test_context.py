from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.data.messages import load_conversation
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.data import PreferenceData

    Load = Callable[..., PreferenceData]

SYSTEM = {"role": "system", "content": "Be kind."}
EARLIER = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]
HUMAN, GOOD, BAD = {"from": "human", "value": "a"}, {"from": "gpt", "value": "yes"}, {"from": "gpt", "value": "no"}
ASKED = {"role": "user", "content": "a"}
SHAREGPT = {"conversations": [HUMAN], "chosen": GOOD, "rejected": BAD}
ALPACA = {"instruction": "p", "input": "", "chosen": "+", "rejected": "-"}
HISTORY = [["hi", "hello"]]


def prompt_of(data: PreferenceData) -> list[dict[str, Any]]:
    return load_conversation(data.train[0]).prompt


@pytest.mark.parametrize(
    "history", [HISTORY, EARLIER, '[["hi", "hello"]]', "[('hi', 'hello')]".replace("(", "[").replace(")", "]")]
)
def test_system_and_history_stand_before_a_conversation(load: Load, history: object) -> None:
    data = load(SHAREGPT | {"system": "Be kind.", "history": history})
    assert prompt_of(data) == [SYSTEM, *EARLIER, ASKED]
    assert data.train[0]["prompt"] == "Be kind.\n\nhi\n\nhello\n\na"
    assert "system message from 'system', earlier turns from 'history'" in data.description


@pytest.mark.parametrize(
    "row",
    [
        ALPACA,
        {"prompt": "p", "chosen": "+", "rejected": "-"},
        {"question": "p", "chosen": "+", "rejected": "-"},
        {"prompt": "p", "completion": "+", "label": True},
        {"instruction": "p", "output": "+", "kto_tag": True},
        {"prompt": "p", "response_0": "+", "response_1": "-", "better_response_id": 0},
    ],
)
def test_system_and_history_stand_before_a_text_joined_by_line_breaks(load: Load, row: dict[str, Any]) -> None:
    data = load(row | {"system": "Be kind.", "history": HISTORY})
    assert data.train[0]["prompt"] == "Be kind.\nhi\nhello\np"
    assert "prompt from 'system + history + " in data.description


def test_a_shared_beginning_keeps_its_system_text(load: Load) -> None:
    data = load({"system": "s", "chosen": "one two", "rejected": "one three"})
    assert (data.train[0]["prompt"], data.train[0]["responses"]) == ("s\none", [" two", " three"])


@pytest.mark.parametrize("nothing", [None, "", float("nan")])
def test_nothing_in_these_columns_adds_nothing(load: Load, nothing: object) -> None:
    assert load(ALPACA | {"system": nothing, "history": nothing}).train[0]["prompt"] == "p"
    assert prompt_of(load(SHAREGPT | {"system": nothing, "history": nothing or []})) == [ASKED]


def test_columns_that_only_later_rows_have_are_read_there(load: Load) -> None:
    short = {"instruction": "p", "chosen": "+", "rejected": "-"}
    data = load(short, short | {"input": "i", "system": "s", "history": HISTORY}, short | {"input": None})
    assert data.train["prompt"][:] == ["p", "s\nhi\nhello\np\ni", "p"]


@pytest.mark.parametrize("name", ["system_prompt", "rules"])
def test_the_system_column_may_have_another_name(load: Load, name: str) -> None:
    columns = {"system": "rules"} if name == "rules" else {}
    assert prompt_of(load(SHAREGPT | {name: "Be kind."}, columns=columns)) == [SYSTEM, ASKED]


def test_a_system_message_is_not_doubled(load: Load) -> None:
    said = {"from": "system", "value": "Be kind."}
    data = load(SHAREGPT | {"conversations": [said, HUMAN], "system": "Be kind.", "history": HISTORY})
    assert prompt_of(data) == [SYSTEM, *EARLIER, ASKED]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (
            {"conversations": [{"from": "system", "value": "Be bad."}, HUMAN]},
            "column 'system': differs from the system",
        ),
        ({"system": 7}, "column 'system': is a number, not text"),
        ({"history": [["a"]]}, r"column 'history': turn 1 is not two texts \[question, answer\]"),
        ({"history": "hi"}, "column 'history': is text that is not a list of turns"),
        ({"history": 1}, "column 'history': is a number, not a list of turns"),
    ],
)
def test_what_cannot_stand_before_a_prompt_is_refused(load: Load, change: dict[str, Any], reason: str) -> None:
    with pytest.raises(DataError, match=f"row 1, {reason}"):
        load(SHAREGPT | {"system": "Be kind."} | change)


@pytest.mark.parametrize("role", ["function_call", "tool_call"])
def test_the_roles_of_sharegpt_become_those_of_chat_templates(load: Load, role: str) -> None:
    call = {"from": role, "value": '{"name": "look", "arguments": {"city": "Bern", "day": null}}'}
    said = [{"from": "system", "value": "s"}, HUMAN, call, {"from": "observation", "value": "rain"}]
    called = {"type": "function", "function": {"name": "look", "arguments": {"city": "Bern"}}}
    assert prompt_of(load(SHAREGPT | {"conversations": said})) == [
        {"role": "system", "content": "s"},
        ASKED,
        {"role": "assistant", "content": "", "tool_calls": [called]},
        {"role": "tool", "content": "rain"},
    ]


def test_a_call_that_is_no_json_is_refused(load: Load) -> None:
    said = [HUMAN, {"from": "function_call", "value": "look()"}, HUMAN]
    with pytest.raises(DataError, match="column 'conversations': message 2 is a call of a tool that is not JSON"):
        load(SHAREGPT | {"conversations": said})


@pytest.mark.parametrize("column", ["messages", "conversations"])
@pytest.mark.parametrize("label", ["label", "kto_tag"])
def test_the_last_message_of_a_labelled_conversation_is_the_completion(load: Load, column: str, label: str) -> None:
    data = load({column: [HUMAN, GOOD], label: 1})
    assert load_conversation(data.train[0])[:2] == ([ASKED], [[{"role": "assistant", "content": "yes"}]])
    assert data.train[0]["desirable"] == [True]


def test_the_last_message_is_chosen_and_a_text_rejected(load: Load) -> None:
    data = load({"messages": [HUMAN, GOOD], "rejected_response": "no", "system": "Be kind."})
    prompt, responses, _ = load_conversation(data.train[0])
    assert prompt == [SYSTEM, ASKED]
    assert responses == [[{"role": "assistant", "content": text}] for text in ("yes", "no")]


def test_openai_keeps_messages_and_tools_in_one_column(load: Load) -> None:
    said = {"messages": [ASKED], "tools": [{"name": "look"}], "parallel_tool_calls": True}
    data = load({"input": said, "preferred_output": [GOOD], "non_preferred_output": [BAD]})
    found = load_conversation(data.train[0])
    assert (found.prompt, found.template_inputs) == ([ASKED], {"tools": [{"name": "look"}]})
    assert data.train[0]["responses"] == ["yes", "no"]


def test_messages_are_the_prompt_of_answers_and_ignored_beside_whole_conversations(load: Load) -> None:
    data = load({"messages": [HUMAN], "chosen": GOOD, "rejected": "no"})
    assert prompt_of(data) == [ASKED]
    assert data.train[0]["responses"] == ["yes", "no"]
    whole = {"messages": [HUMAN, GOOD], "chosen": [HUMAN, GOOD], "rejected": [HUMAN, BAD]}
    assert prompt_of(load(whole)) == [ASKED]


def test_a_prompt_that_both_responses_repeat_is_taken_once(load: Load) -> None:
    data = load({"prompt": [HUMAN], "chosen": [HUMAN, GOOD], "rejected": [HUMAN, BAD]})
    assert prompt_of(data) == [ASKED]
    assert data.train[0]["responses"] == ["yes", "no"]
