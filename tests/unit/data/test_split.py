from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.data import PreferenceData

ROWS = [{"prompt": f"prompt {n % 10}", "chosen": f"good {n}", "rejected": f"bad {n}"} for n in range(40)]


def test_no_prompt_is_in_both_parts_and_no_row_is_lost(load: Callable[..., PreferenceData]) -> None:
    data = load(*ROWS, eval_fraction=0.2)
    assert data.eval is not None
    train, held_out = set(data.train["prompt"]), set(data.eval["prompt"])
    assert not train & held_out
    assert len(held_out) == 2
    assert sorted([*data.train["row"], *data.eval["row"]]) == list(range(1, 41))


def test_the_same_prompts_are_held_out_whatever_the_order_of_the_rows(load: Callable[..., PreferenceData]) -> None:
    one, other = load(*ROWS, eval_fraction=0.3), load(*reversed(ROWS), eval_fraction=0.3)
    assert one.eval is not None
    assert other.eval is not None
    assert set(one.eval["prompt"]) == set(other.eval["prompt"])


def test_a_tiny_share_still_holds_out_one_prompt_and_a_huge_one_leaves_one(load: Callable[..., PreferenceData]) -> None:
    for fraction, prompts in ((0.001, 1), (0.999, 9)):
        held_out = load(*ROWS, eval_fraction=fraction).eval
        assert held_out is not None
        assert len(set(held_out["prompt"])) == prompts


def test_one_prompt_cannot_be_held_out(load: Callable[..., PreferenceData]) -> None:
    with pytest.raises(DataError, match="same prompt"):
        load(*ROWS[::10], eval_fraction=0.5)
