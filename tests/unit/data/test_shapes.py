from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.data import PreferenceData

    Load = Callable[..., PreferenceData]


@pytest.mark.parametrize(
    ("row", "prompt", "mapped"),
    [
        ({"prompt": "p", "chosen": "+", "rejected": "-"}, "p", ""),
        ({"question": "p", "chosen": "+", "rejected": "-"}, "p", "prompt from 'question'"),
        ({"system": "s", "question": "p", "chosen": "+", "rejected": "-"}, "s\np", "prompt from 'system + question'"),
        ({"system": "", "question": "p", "chosen": "+", "rejected": "-"}, "p", "prompt from 'system + question'"),
        (
            {"instruction": "p", "input": "i", "chosen": "+", "rejected": "-"},
            "p\ni",
            "prompt from 'instruction + input'",
        ),
        ({"instruction": "p", "chosen": "+", "rejected": "-"}, "p", "prompt from 'instruction'"),
        ({"prompt": "p", "chosen_response": "+", "rejected_response": "-"}, "p", "chosen from 'chosen_response'"),
        ({"prompt": "p", "response_chosen": "+", "response_rejected": "-"}, "p", "rejected from 'response_rejected'"),
        ({"prompt": "p", "response_0": "-", "response_1": "+", "better_response_id": 1}, "p", "better one by"),
        ({"prompt": "p", "response_0": "+", "response_1": "-", "better_response_id": 0}, "p", "better one by"),
    ],
)
def test_known_shapes_of_pairs(load: Load, row: dict[str, Any], prompt: str, mapped: str) -> None:
    data = load(row)
    assert data.shape == "pairs"
    assert data.train[0]["prompt"] == prompt
    assert data.train[0]["responses"] == ["+", "-"]
    assert data.train[0]["desirable"] == [True, False]
    assert mapped in data.description
    assert bool(mapped) == ("from '" in data.description or "better" in data.description)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "p", "completion": "c", "label": False},
        {"instruction": "p", "input": "", "output": "c", "kto_tag": False},
    ],
)
def test_known_shapes_of_labelled_completions(load: Load, row: dict[str, Any]) -> None:
    data = load(row)
    assert data.shape == "unpaired"
    assert (data.train[0]["prompt"], data.train[0]["responses"], data.train[0]["desirable"]) == ("p", ["c"], [False])


def test_columns_are_mapped_and_win_over_like_named_ones(load: Load) -> None:
    row = {"question": "p", "prompt": "another", "a": "+", "b": "-", "judge": "me"}
    data = load(row, columns={"prompt": "question", "chosen": "a", "rejected": "b"})
    assert data.train[0]["prompt"] == "p"
    assert data.train[0]["responses"] == ["+", "-"]
    assert data.train[0]["extra"] == '{"prompt": "another", "judge": "me"}'
    assert "prompt from 'question', chosen from 'a', rejected from 'b'" in data.description


def test_a_shape_can_be_forced(load: Load) -> None:
    row = {"prompt": "p", "chosen": "+", "rejected": "-", "completion": "c", "label": True}
    assert load(row).shape == "pairs"
    assert load(row, format="unpaired").shape == "unpaired"


def test_a_forced_shape_that_is_not_there_is_refused(load: Load) -> None:
    with pytest.raises(DataError, match="match no known data format"):
        load({"prompt": "p", "chosen": "+", "rejected": "-"}, format="unpaired")


def test_unknown_columns_are_listed_with_a_guess_and_the_option(load: Load) -> None:
    with pytest.raises(DataError) as error:
        load({"prompt": "p", "chose": "+", "rejected": "-"})
    assert "'prompt', 'chose', 'rejected'" in error.value.what
    assert "'chose': did you mean 'chosen'?" in (error.value.fix or "")
    assert "`data.columns.prompt=question`" in (error.value.fix or "")


def test_a_mapped_column_that_is_missing_is_refused_with_a_guess(load: Load) -> None:
    with pytest.raises(DataError) as error:
        load({"question": "p", "chosen": "+", "rejected": "-"}, columns={"prompt": "questoin"})
    assert "'questoin'" in error.value.what
    assert "did you mean 'question'?" in (error.value.fix or "")


def test_a_name_that_is_not_ours_cannot_be_mapped(load: Load) -> None:
    with pytest.raises(DataError) as error:
        load({"question": "p", "chosen": "+", "rejected": "-"}, columns={"promt": "question"})
    assert error.value.where == "`data.columns`"
    assert "did you mean 'prompt'?" in (error.value.fix or "")
