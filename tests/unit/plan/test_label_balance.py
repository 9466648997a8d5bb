"""One-sided labels of single completions are said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from datasets import Dataset

from upo_sdk.plan.compatibility import label_balance


def data(labels: list[bool], shape: str = "unpaired") -> Any:
    return SimpleNamespace(shape=shape, train=Dataset.from_dict({"desirable": [[label] for label in labels]}))


def test_one_label_alone_is_no_preference() -> None:
    (text,) = label_balance(data([True] * 8))
    assert text.startswith("8 of 8 completions are desirable: without any of the other label")


@pytest.mark.parametrize(("desirable", "said"), [(1, True), (2, False), (5, False), (8, False), (9, True)])
def test_a_label_that_fewer_than_a_fifth_have_is_rare(desirable: int, said: bool) -> None:  # noqa: FBT001
    assert bool(label_balance(data([number < desirable for number in range(10)]))) == said


def test_pairs_have_both() -> None:
    assert label_balance(data([True], "pairs")) == []
