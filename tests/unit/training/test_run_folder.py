"""What is refused before a folder is emptied."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from upo_sdk.config import build_config
from upo_sdk.errors import OutputError
from upo_sdk.training.run_folder import RunFolder

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("option", "settings"),
    [
        ("`data.path`", {"data": "{run}/mine.jsonl", "model": "elsewhere"}),
        ("`data.eval_path`", {"data": {"path": "x.jsonl", "eval_path": "{run}/mine.jsonl"}, "model": "elsewhere"}),
        ("`model.path`", {"data": "x.jsonl", "model": "{run}/checkpoint-2"}),
        ("`model.tokenizer`", {"data": "x.jsonl", "model": {"path": "elsewhere", "tokenizer": "{run}/checkpoint-2"}}),
    ],
)
def test_a_folder_is_not_emptied_of_what_the_run_reads(
    tmp_path: Path, option: str, settings: dict[str, object]
) -> None:
    run = tmp_path / "run"
    (run / "checkpoint-2").mkdir(parents=True)
    (run / "run.json").write_text("{}", encoding="utf-8")
    (run / "mine.jsonl").write_text("{}", encoding="utf-8")
    written = json.loads(json.dumps(settings).replace("{run}", str(run)))
    config = build_config({**written, "output_dir": str(run), "overwrite_output_dir": True})
    with pytest.raises(OutputError, match=f"would delete what {option} reads"):
        RunFolder.check(config)
    assert (run / "mine.jsonl").exists()


def test_an_earlier_run_is_overwritten_if_nothing_in_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "run.json").write_text("{}", encoding="utf-8")
    config = build_config({"output_dir": str(tmp_path / "run"), "overwrite_output_dir": True})
    assert RunFolder.check(config).path == tmp_path / "run"
