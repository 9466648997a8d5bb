from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upo_sdk.data import describe_overruled, describe_unused

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.data import PreferenceData

    Load = Callable[..., PreferenceData]

GOOD = {"prompt": "p", "chosen": "yes", "rejected": "no"}
SIDES = ("chosen", "rejected")
CHAT = {"prompt": [{"role": "user", "content": "p"}], "chosen": "yes", "rejected": "no"}


def test_columns_that_nobody_reads_come_with_the_first_row_that_has_something(load: Load) -> None:
    data = load(GOOD | {"id": None}, GOOD | {"id": 7, "empty": None}, GOOD | {"system": "s", "topic": "x"})
    assert data.unread == {"id": 2, "topic": 3}


def test_tools_are_read_in_conversations_alone(load: Load) -> None:
    tools = [{"name": "look"}]
    assert load(CHAT | {"tools": tools}).unread == {}
    assert load(GOOD | {"tools": tools}).unread == {"tools": 1}


def test_used_columns_and_scores_are_not_named() -> None:
    unread = {"id": 3, "sample_weight": 1, "help_chosen": 1, "help_rejected": 1, "reward/x": 1, "margin": 2}
    notes, warnings = describe_unused(unread, {"sample_weight"}, {"help", "reward/x"})
    (note,) = notes
    assert note.startswith("the column 'id' of the data is not used (row 3): ")
    (warning,) = warnings
    assert warning.startswith("the column 'margin' of the data is not used (row 2): ")
    assert describe_unused({}, (), ()) == ([], [])


def test_several_columns_are_named_in_one_line() -> None:
    notes, warnings = describe_unused({"a": 4, "b": 2}, (), ())
    assert warnings == []
    assert "the columns 'a', 'b' of the data are not used (row 2): to be read, a column is named with" in notes[0]


def test_each_kind_of_column_is_named_with_what_would_read_it() -> None:
    notes, warnings = describe_unused({"tools": 1, "images": 2, "prompt": 3, "id": 4, "Unnamed: 0": 1}, (), ())
    assert [text.partition(" of the data is not used (row ")[0] for text in (*warnings, *notes)] == [
        "the column 'images'",
        "the column 'tools'",
        "the column 'prompt'",
        "the column 'id'",
    ]
    assert "only text can be trained on" in warnings[0]
    assert "a chat template reads such columns, and these rows are texts" in warnings[1]


def test_a_column_that_repeats_one_that_is_read_is_no_loss(load: Load) -> None:
    chosen = [{"role": "assistant", "content": "yes"}]
    row = CHAT | {"chosen": chosen, "messages": chosen}
    assert load(row, row).unread == {}
    assert load(row, row | {"messages": []}).unread == {"messages": 2}


def test_a_name_that_promises_content_is_warned_of_and_one_about_it_is_noted() -> None:
    notes, warnings = describe_unused({"system_message": 1, "chat_history": 2, "enable_thinking": 3}, (), ())
    assert (notes, len(warnings)) == ([], 1)
    assert "the columns 'system_message', 'chat_history', 'enable_thinking' of the data are not used" in warnings[0]
    notes, warnings = describe_unused({"conversation_id": 1, "reasoning_tokens": 2}, (), ())
    assert (len(notes), warnings) == (1, [])


def test_a_prompt_in_text_that_the_responses_overrule_is_warned_of(load: Load) -> None:
    def spoken(prompt: str, asked: str) -> dict[str, Any]:
        turns = [{"role": "system", "content": "s"}, {"role": "user", "content": asked}]
        return {"prompt": prompt, **{side: [*turns, {"role": "assistant", "content": side}] for side in SIDES}}

    assert load(spoken("How are you?", "How are\nyou?"), spoken("x", "x")).overruled == {}
    data = load(spoken("a", "a"), spoken("b", "c"))
    assert data.overruled == {"prompt": 2}
    (warning,) = describe_overruled(data.overruled)
    assert warning.startswith("the column 'prompt' differs from the prompt that the responses begin with (row 2)")
