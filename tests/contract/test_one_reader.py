"""Files of a run folder are opened by their records and by nobody else."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = {
    "run.json",
    "eval.json",
    "samples.jsonl",
    "eval-samples.jsonl",
    "eval-pairs.jsonl",
    "metrics.jsonl",
    "distributions.json",
    "sweep.json",
    "point.json",
    "trained_with.json",
}


def named_files(source: str) -> set[str]:
    """Return the files whose name is a text of its own in a program; in a message it is not."""
    return {
        node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant) and node.value in FILES
    }


def test_only_records_name_the_files_of_a_run_folder() -> None:
    found = {
        str(path.relative_to(ROOT)): names
        for package in ("upo_sdk", "cli", "plugins")
        for path in sorted((ROOT / package).rglob("*.py"))
        if "records" not in path.parts and (names := named_files(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_the_scan_finds_a_second_reader() -> None:
    assert named_files('import json\njson.loads((folder / "run.json").read_text())') == {"run.json"}
    assert named_files('"""Reads run.json."""\nprint(f"{folder} has a run.json of its own")') == set()
