from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from upo_sdk.errors import DataError, OutputError
from upo_sdk.records import SweepRecord
from upo_sdk.sweep.folder import SweepFolder

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import GridMaker


def test_the_state_is_read_back_as_it_was_written(tmp_path: Path, grid: GridMaker) -> None:
    made = grid("toxicity:0,0.1")
    state = SweepRecord(software="1", created="now", axes=made.axes, points=made.points)
    folder = SweepFolder(tmp_path / "sweep")
    assert not folder.check()
    folder.write(state)
    assert folder.check()
    assert folder.read() == state
    assert [entry.name for entry in folder.path.iterdir()] == ["sweep.json"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "it is not JSON"),
        ("{}", "software: Field required"),
        ('{"schema_version": 9}', "written by a newer version"),
    ],
)
def test_a_state_that_cannot_be_read_is_named(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "sweep.json").write_text(text)
    with pytest.raises(DataError) as caught:
        SweepFolder(tmp_path).read()
    assert what in caught.value.what


def test_a_folder_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="holds something that is not a sweep"):
        SweepFolder(tmp_path).check()
    with pytest.raises(OutputError, match=r"has no sweep\.json"):
        SweepFolder(tmp_path).read()
    with pytest.raises(OutputError, match="no such folder"):
        SweepFolder(tmp_path / "elsewhere").read()
    with pytest.raises(OutputError, match="is a file"):
        SweepFolder(tmp_path / "thesis.txt").check()


def test_beginning_anew_leaves_what_is_no_part_of_a_sweep(tmp_path: Path) -> None:
    for name in ("points/one/model.safetensors", "logs/one.log", "notes/mine.txt", "sweep.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    SweepFolder(tmp_path).clear()
    assert sorted(path.name for path in tmp_path.rglob("*.*") if path.is_file()) == ["mine.txt"]


def test_two_sweeps_cannot_work_in_one_folder(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path / "sweep")
    with folder.locked(), pytest.raises(OutputError, match="another `upo sweep` works"), folder.locked():
        pass
    with folder.locked():
        assert not folder.check()
