"""What the options of ``lexical`` accept."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from upo_plugins.lexical.options import LexicalOptions


def test_the_default_is_the_readability_of_the_paper() -> None:
    options = LexicalOptions()
    assert options.metric == "readability"
    assert options.shrinkage == 0


def test_every_other_metric_shrinks_by_ten_words() -> None:
    assert LexicalOptions(metric="diversity").shrinkage == 10
    assert LexicalOptions(metric="diversity", shrink_words=3).shrinkage == 3


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"metric": "grade_band", "min_grade": 3, "max_grade": 3},
        {"metric": "diversity", "window": 50, "shrink_words": 4.5},
        {"metric": "hedging", "reverse": True},
    ],
)
def test_options_survive_a_round_trip(values: dict[str, Any]) -> None:
    options = LexicalOptions.model_validate(values)
    assert LexicalOptions.model_validate(options.model_dump()) == options
    assert LexicalOptions.model_validate_json(options.model_dump_json()) == options


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"metrik": "diversity"}, "Extra inputs"),
        ({"metric": "poetry"}, "'readability'"),
        ({"metric": "grade_band", "min_grade": 10, "max_grade": 5}, "min_grade=10 is above max_grade=5"),
        ({"metric": "grade_band", "max_grade": 40}, "less than or equal to 18"),
        ({"metric": "diversity", "window": 1}, "greater than or equal to 2"),
        ({"shrink_words": -1}, "greater than or equal to 0"),
        ({"shrink_words": float("inf")}, "finite"),
        ({"min_grade": 3}, "add metric=grade_band"),
        ({"metric": "hedging", "window": 10}, "add metric=diversity"),
    ],
)
def test_a_wrong_option_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        LexicalOptions.model_validate(values)
