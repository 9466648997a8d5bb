"""What an evaluation writes: each file whole or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.records import LineRecord, PairMargin, Sample

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from upo_sdk.records import EvaluationRecord

__all__ = ["write_evaluation"]


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
