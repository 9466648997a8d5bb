"""Which runs there are below a folder."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upo_sdk.errors import DataError
from upo_sdk.records.run import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["FoundRun", "find_runs"]

_DEPTH = 4
_NOT_RUNS = ("checkpoint-", ".", "__")
"""How the names of folders begin in which no run is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRun:
    """A run folder: its record, or what is wrong with it."""

    folder: Path
    run: RunRecord | None
    problem: str = ""


def find_runs(folder: Path) -> list[FoundRun]:
    """Return the runs in a folder and below it, by path; a damaged one is returned with what is wrong with it."""
    return [_read(found) for found in sorted(_folders(folder, _DEPTH))]


def _folders(folder: Path, depth: int) -> Iterator[Path]:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    if any(entry.name == RunRecord.FILE for entry in entries):
        yield folder
    for entry in entries:
        if depth and not entry.name.startswith(_NOT_RUNS) and entry.is_dir(follow_symlinks=False):
            yield from _folders(Path(entry.path), depth - 1)


def _read(folder: Path) -> FoundRun:
    try:
        return FoundRun(folder=folder, run=RunRecord.load(folder))
    except DataError as error:
        return FoundRun(folder=folder, run=None, problem=error.what)
