"""Damage is an error that names the file; a line ends only where the writer ended it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from upo_sdk.errors import DataError
from upo_sdk.records.run import RunRecord
from upo_sdk.records.sample import Compared, Sample

WRITTEN = Path(__file__).parents[2] / "fixtures" / "written_by_0_1_0"


@pytest.mark.parametrize("change", [{"seed": "many"}, {"before_after": {"a": 1}}, {"before_after": [{}]}, {"data": 1}])
def test_a_wrong_value_in_a_run_of_0_1_0_is_an_error(change: dict[str, Any], tmp_path: Path) -> None:
    path = Path(shutil.copy(WRITTEN / "run" / "run.json", tmp_path))
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(DataError, match="cannot be read"):
        RunRecord.load(tmp_path)


def test_a_folder_in_place_of_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run.json").mkdir()
    (tmp_path / "samples.jsonl").mkdir()
    with pytest.raises(DataError, match="directory"):
        RunRecord.load(tmp_path)
    with pytest.raises(DataError, match="directory"):
        Sample.load_lines(tmp_path / "samples.jsonl")


@pytest.mark.parametrize("mark", ["\u2028", "\x85", "\x0c", "\r", "\n"])
def test_a_line_break_within_an_answer_does_not_end_its_line(mark: str, tmp_path: Path) -> None:
    sample = Sample(prompt=f"a{mark}b", model=mark, baseline=None, tokens=Compared(model=1), rewards={})
    Sample.save_lines(tmp_path / "samples.jsonl", [sample, sample])
    assert Sample.load_lines(tmp_path / "samples.jsonl") == (sample, sample)
