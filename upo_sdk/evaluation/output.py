"""Where an evaluation writes: checked before any work, written whole or not at all."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from upo_sdk.atomic_file import check_takes_files, write_atomically
from upo_sdk.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from upo_sdk.evaluation.schema import Evaluation, Sample

__all__ = ["check_writable", "write_evaluation"]


def check_writable(folder: Path) -> None:
    """Check that files can be written to a folder, which need not exist yet, and write nothing.

    Raises:
        OutputError: They cannot.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError("the output path is a file, not a folder", where=str(folder), fix="choose another folder")
    check_takes_files(folder)


def write_evaluation(folder: Path, result: Evaluation, samples: Sequence[Sample], pairs: Sequence[str]) -> None:
    """Write ``eval-samples.jsonl``, ``eval-pairs.jsonl`` and at last ``eval.json``: each whole or not at all.

    Args:
        folder: It is created.
        result: The evaluation.
        samples: One per answer.
        pairs: One line per pair; without any there is no such file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "eval-samples.jsonl", "".join(sample.model_dump_json() + "\n" for sample in samples))
    if pairs:
        write_atomically(folder / "eval-pairs.jsonl", "".join(line + "\n" for line in pairs))
    else:
        (folder / "eval-pairs.jsonl").unlink(missing_ok=True)  # of an earlier evaluation
    text = json.dumps(result.model_dump(mode="json"), indent=2, ensure_ascii=False, allow_nan=False)
    write_atomically(folder / "eval.json", text + "\n")
