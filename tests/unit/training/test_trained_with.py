"""What a resumed run is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from upo_sdk.config import build_config
from upo_sdk.errors import DataError, OutputError
from upo_sdk.plan import make_plan
from upo_sdk.plugin.registry import load_registry
from upo_sdk.policy import load_tokenizer
from upo_sdk.records import Changeable, TrainedWith
from upo_sdk.training.trained_with import check_unchanged, describe_training

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BEFORE = TrainedWith(
    data={"fingerprint": "a" * 64},
    objectives={"dpo": "dpo:1", "length": "length:0.5"},
    ranks={"processes": 1},
    learning_rate={"learning_rate": 1e-3, "warmup_steps": 0},
)


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    (tmp_path / TrainedWith.FILE).write_text(BEFORE.model_dump_json(), encoding="utf-8")
    return tmp_path


def test_every_name_that_may_be_allowed_is_compared() -> None:
    assert tuple(TrainedWith.model_fields) == ("schema_version", *get_args(Changeable), "changed_on_resuming")


def test_changes_of_earlier_resumes_are_kept_and_are_no_changes_themselves(tmp_path: Path) -> None:
    """A run that was resumed with another rate and then with the same again did not train with one rate."""
    first, second = tmp_path / "checkpoint-2", tmp_path / "checkpoint-4"
    for folder in (first, second):
        folder.mkdir()
    (first / TrainedWith.FILE).write_text(BEFORE.model_dump_json(), encoding="utf-8")
    once = BEFORE.resumed(first, {"learning_rate": "learning_rate 1 → 2"})
    (second / TrainedWith.FILE).write_text(once.model_dump_json(), encoding="utf-8")
    assert check_unchanged(second, BEFORE, ()) == {}
    assert BEFORE.resumed(second, {}).changed_on_resuming == once.changed_on_resuming
    assert BEFORE.resumed(second, {"seed": "seed 1 → 2"}).changed_on_resuming == {
        "learning_rate": ["learning_rate 1 → 2, from checkpoint-2"],
        "seed": ["seed 1 → 2, from checkpoint-4"],
    }


def test_the_same_run_has_no_changes(checkpoint: Path) -> None:
    assert check_unchanged(checkpoint, BEFORE, ()) == {}


def test_what_is_not_known_yet_is_no_change(checkpoint: Path) -> None:
    assert check_unchanged(checkpoint, BEFORE.model_copy(update={"data": None, "seed": {"seed": 1}}), ()) == {}


def test_a_change_lists_old_and_new_and_what_to_type(checkpoint: Path) -> None:
    now = BEFORE.model_copy(
        update={"objectives": {"dpo": "dpo:1", "length": "length:0.7"}, "learning_rate": {"learning_rate": 2e-3}}
    )
    with pytest.raises(OutputError) as raised:
        check_unchanged(checkpoint, now, ())
    assert "objectives: length length:0.5 → length:0.7" in raised.value.what
    assert "learning_rate: learning_rate 0.001 → 0.002, warmup_steps 0 → none" in raised.value.what
    assert "`training.allow_changed=objectives` `training.allow_changed=learning_rate`" in str(raised.value.fix)


def test_an_allowed_change_is_returned_and_another_is_still_refused(checkpoint: Path) -> None:
    now = BEFORE.model_copy(update={"ranks": {"processes": 2}})
    assert check_unchanged(checkpoint, now, ("ranks",)) == {"ranks": "processes 1 → 2"}
    with pytest.raises(OutputError, match="data: fingerprint aaaaaaaa… → bbbbbbbb…"):
        check_unchanged(checkpoint, now.model_copy(update={"data": {"fingerprint": "b" * 64}}), ("ranks",))


def test_hashes_are_shown_short_wherever_they_stand() -> None:
    before = TrainedWith(plugins={"dpo": f"upo-sdk 0.1.0 {'a' * 64}"})
    after = TrainedWith(plugins={"dpo": f"upo-sdk 0.1.1 {'b' * 64}"})
    assert before.changes(after) == {"plugins": "dpo upo-sdk 0.1.0 aaaaaaaa… → upo-sdk 0.1.1 bbbbbbbb…"}


def test_nothing_is_known_of_a_checkpoint_without_a_record(tmp_path: Path) -> None:
    assert TrainedWith.find(tmp_path) is None
    (tmp_path / TrainedWith.FILE).write_text("[]", encoding="utf-8")
    with pytest.raises(DataError, match="cannot be read"):
        TrainedWith.find(tmp_path)


@pytest.fixture
def described(model_folder: Callable[[str], Path], pairs_file: Path) -> Callable[..., TrainedWith]:
    def describe(**training: object) -> TrainedWith:
        settings = {"model": str(model_folder("llama")), "data": str(pairs_file), "objectives": ["dpo"]}
        plan = make_plan(build_config(settings, {"training": training}), load_registry())
        tokenizer = load_tokenizer(plan.model)
        before = describe_training(plan, tokenizer, 1)
        tokenizer(["one", "two of them"], padding=True, truncation=True, max_length=2)
        assert describe_training(plan, tokenizer, 1) == before  # what a call leaves in a tokenizer is no part of it
        return before

    return describe


def test_more_steps_are_a_change_unless_the_learning_rate_is_constant(described: Callable[..., TrainedWith]) -> None:
    """Twelve rows: two steps of eight reach all, and so do three."""
    assert set(described(max_steps=2).changes(described(max_steps=3))) == {"steps"}
    constant = {"lr_scheduler_type": "constant"}
    assert described(max_steps=2, **constant).changes(described(max_steps=3, **constant)) == {}
    assert set(described(max_steps=1, **constant).changes(described(max_steps=2, **constant))) == {"steps"}


def test_the_same_rows_of_a_step_in_other_batches_are_no_change(described: Callable[..., TrainedWith]) -> None:
    split = {"per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}
    assert described().changes(described(**split, logging_steps=1)) == {}
    assert set(described().changes(described(per_device_train_batch_size=4))) == {"batch", "steps"}
