"""Where an evaluation writes: checked before any work, written whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.atomic_file import check_takes_files
from upo_sdk.errors import OutputError
from upo_sdk.records import LineRecord, PairMargin, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from upo_sdk.records import EvaluationRecord

__all__ = ["check_writable", "write_evaluation"]


def check_writable(folder: Path) -> None:
    """Check that files can be written to a folder, which need not exist yet, and write nothing.

    Raises:
        OutputError: They cannot.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError("the output path is a file, not a folder", where=str(folder), fix="choose another folder")
    check_takes_files(folder)


def write_evaluation(
    folder: Path, result: EvaluationRecord, samples: Sequence[Sample], pairs: Sequence[PairMargin]
) -> None:
    """Write samples and pairs, and at last ``eval.json``: each whole or not at all.

    Args:
        folder: It is created.
        result: The evaluation.
        samples: One per answer.
        pairs: One per pair; without any there is no such file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    LineRecord.save_lines(folder / Sample.EVALUATION_FILE, samples)
    if pairs:
        LineRecord.save_lines(folder / PairMargin.FILE, pairs)
    else:
        (folder / PairMargin.FILE).unlink(missing_ok=True)  # of an earlier evaluation
    result.save(folder)
