from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Upo


def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    objective = {"label": "dpo", "kind": "preference", "objective": "dpo:1", "weight": 1.0, "code_sha256": "0"}
    about = {"model": {"path": "base"}, "data": {"description": "2 pairs", "fingerprint": "0"}, "seed": 1}
    manifest = {
        **about,
        "status": "completed",
        "steps": 3,
        "objectives": [{**objective, "distribution": "d", "version": "1"}],
    }
    (folder / "run.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_the_report_is_written_again(upo: Upo, tmp_path: Path) -> None:
    ended = upo("report", str(run_folder(tmp_path)))
    assert ended.code == 0, ended.err
    assert "report.html" in ended.out
    assert "The run finished: 3 steps." in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")


def test_json_names_the_file_and_its_size(upo: Upo, tmp_path: Path) -> None:
    ended = upo("report", str(run_folder(tmp_path)), "--json")
    page = tmp_path / "run" / "report.html"
    assert ended.data == {"report": str(page), "bytes": page.stat().st_size}


def test_a_folder_that_is_no_run_is_refused(upo: Upo, tmp_path: Path) -> None:
    ended = upo("report", str(tmp_path / "nowhere"))
    assert ended.code == 2
    assert "neither a run nor a sweep" in ended.err
