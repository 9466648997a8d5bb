from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.errors import OutputError
from upo_sdk.records import PointFailure
from upo_sdk.sweep.resume import continued

if TYPE_CHECKING:
    from conftest import GridMaker

    from upo_sdk.records import SweepPoint

FOLDER = Path("upo-sweep")


def with_status(points: tuple[SweepPoint, ...], *statuses: Any) -> list[SweepPoint]:
    failure = PointFailure(code="process", what="it died")
    return [
        point.model_copy(update={"status": status, "failure": failure if status == "failed" else None})
        for point, status in zip(points, statuses, strict=True)
    ]


def test_what_is_done_is_kept_and_everything_else_is_pending_again(grid: GridMaker) -> None:
    planned = grid("toxicity:0,0.1,0.2,0.3").points
    recorded = with_status(planned, "done", "running", "failed", "cancelled")
    points = continued(planned, recorded, FOLDER)
    assert [point.status for point in points] == ["done", "pending", "pending", "pending"]
    assert [point.failure for point in points] == [None] * 4


def test_values_may_be_added_anywhere(grid: GridMaker) -> None:
    recorded = with_status(grid("toxicity:0,0.3").points, "done", "done")
    points = continued(grid("toxicity:0,0.1,0.3").points, recorded, FOLDER)
    assert [(point.name, point.status) for point in points] == [
        ("toxicity=0", "done"),
        ("toxicity=0.1", "pending"),
        ("toxicity=0.3", "done"),
    ]


def test_an_axis_may_be_added_and_the_points_that_are_there_keep_their_folders(grid: GridMaker) -> None:
    recorded = with_status(grid("toxicity:0,0.3", "dpo:beta=0.1").points, "done", "done")
    points = continued(grid("toxicity:0,0.3", "dpo:beta=0.05,0.1").points, recorded, FOLDER)
    assert [(point.name, point.row, point.status) for point in points] == [
        ("toxicity=0,dpo.beta=0.05", "toxicity=0,dpo.beta=0.05", "pending"),
        ("toxicity=0", "toxicity=0,dpo.beta=0.1", "done"),
        ("toxicity=0.3,dpo.beta=0.05", "toxicity=0.3,dpo.beta=0.05", "pending"),
        ("toxicity=0.3", "toxicity=0.3,dpo.beta=0.1", "done"),
    ]


def test_a_point_that_is_missing_from_the_grid_is_named(grid: GridMaker) -> None:
    recorded = with_status(grid("toxicity:0,0.1,0.3").points, "done", "done", "running")
    with pytest.raises(OutputError) as caught:
        continued(grid("toxicity:0,0.3").points, recorded, FOLDER)
    assert "points that are not in this grid: toxicity=0.1" in caught.value.what
    assert "upo sweep --resume upo-sweep" in (caught.value.fix or "")


def test_a_setting_that_changed_is_named_with_both_values(grid: GridMaker) -> None:
    recorded = list(grid("toxicity:0,0.3", base={"training": {"max_steps": 20}}).points)
    changed = grid("toxicity:0,0.3", base={"training": {"max_steps": 40}, "eval_prompts": 8}).points
    with pytest.raises(OutputError) as caught:
        continued(changed, recorded, FOLDER)
    assert "training.max_steps was 20 and is 40; eval_prompts was not set and is 8" in caught.value.what


def test_a_new_point_does_not_take_the_name_of_one_that_is_there(grid: GridMaker) -> None:
    recorded = with_status(grid("toxicity:0,0.3", seeds=1).points, "done", "done")
    recorded = [point.model_copy(update={"name": point.name.replace("seed=42", "seed=43")}) for point in recorded]
    points = continued(grid("toxicity:0,0.3", seeds=2).points, recorded, FOLDER)
    names = [point.name for point in points]
    assert len(set(names)) == 4
    assert all(point.name in point.folder and point.name in point.command for point in points if point.status != "done")
