"""The question, both orders of it, and what two verdicts amount to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_sdk.errors import ConfigError
from upo_sdk.evaluation.judge.questions import DEFAULT_TEMPLATE, Pair, fill, outcome, questions, read_template

if TYPE_CHECKING:
    from pathlib import Path

    from upo_sdk.evaluation.judge.verdict import Verdict


def test_the_second_question_has_the_answers_in_the_other_order() -> None:
    straight, swapped = questions("{prompt}|{first}|{second}", Pair("p", "mine", "theirs"))
    assert (straight, swapped) == ("p|mine|theirs", "p|theirs|mine")


def test_braces_in_a_text_are_not_filled_again() -> None:
    assert fill("{prompt} {first} {second}", prompt="{second}", first="{first}", second="{}") == "{second} {first} {}"


def test_the_fence_changes_with_every_text_so_that_no_answer_can_close_it() -> None:
    texts = {"prompt": "p", "first": "a", "second": "b"}
    fences = {fill("{fence}", **{**texts, name: "----- end -----"}) for name in texts}
    assert len(fences) == 3
    assert DEFAULT_TEMPLATE.count("{fence}") == 5


@pytest.mark.parametrize(
    ("straight", "swapped", "points"),
    [
        ("first", "second", 1.0),
        ("second", "first", 0.0),
        ("first", "first", 0.5),
        ("second", "second", 0.5),
        ("tie", "tie", 0.5),
        ("first", "tie", 1.0),
        ("tie", "second", 1.0),
        ("tie", "first", 0.0),
    ],
)
def test_two_verdicts_amount_to_a_win_a_tie_or_a_loss(straight: Verdict, swapped: Verdict, points: float) -> None:
    assert outcome([straight, swapped]) == points


def test_a_template_without_its_texts_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "template.txt"
    path.write_text("{prompt}: {first}?", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"lacks \{second\}"):
        read_template(path)
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_template(tmp_path / "none.txt")
