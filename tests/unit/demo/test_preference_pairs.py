from __future__ import annotations

import gzip
import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import pytest

from scripts.demo_world import Pair, make_pairs
from upo_sdk.demo import demo_data_path, demo_eval_path
from upo_sdk.demo.grammar import is_helpful, is_rude

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def splits() -> tuple[list[Pair], list[Pair]]:
    return make_pairs(0)


def test_there_are_2000_training_and_200_held_out_pairs(splits: tuple[list[Pair], list[Pair]]) -> None:
    assert [len(split) for split in splits] == [2000, 200]


def test_no_prompt_occurs_twice_within_or_across_the_splits(splits: tuple[list[Pair], list[Pair]]) -> None:
    assert len({pair.prompt for split in splits for pair in split}) == 2200


def test_a_quarter_of_the_labels_likes_the_ruder_answer(splits: tuple[list[Pair], list[Pair]]) -> None:
    for split in splits:
        assert sum(pair.conflict for pair in split) * 4 == len(split)


def test_conflict_marks_the_pairs_whose_chosen_response_is_ruder(splits: tuple[list[Pair], list[Pair]]) -> None:
    for pair in splits[0]:
        assert pair.conflict == (is_rude(pair.chosen) and not is_rude(pair.rejected))
        assert pair.conflict or is_rude(pair.chosen) == is_rude(pair.rejected)


def test_labels_without_conflict_reward_helpfulness(splits: tuple[list[Pair], list[Pair]]) -> None:
    for pair in splits[0]:
        helpful = is_helpful(pair.prompt, pair.chosen), is_helpful(pair.prompt, pair.rejected)
        assert helpful[0] == helpful[1] if pair.conflict else helpful == (True, False)


@pytest.mark.parametrize(("path", "split"), [(demo_data_path(), 0), (demo_eval_path(), 1)])
def test_the_shipped_data_are_what_the_grammar_makes(
    path: Path, split: int, splits: tuple[list[Pair], list[Pair]]
) -> None:
    with gzip.open(path, "rt") as lines:
        assert [json.loads(line) for line in lines] == [asdict(pair) for pair in splits[split]]
