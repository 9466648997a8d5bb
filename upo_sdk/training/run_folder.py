"""The run folder: refused unless it is free, written so that a partial run never looks whole."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from upo_sdk.atomic_file import check_takes_files, write_atomically
from upo_sdk.data.paths import find_sources
from upo_sdk.errors import OutputError
from upo_sdk.records import RunRecord
from upo_sdk.training.checkpoints import STAGING, choose_checkpoint, newest_first

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from upo_sdk.config import RunConfig

__all__ = ["RunFolder"]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run writes.

    Attributes:
        path: The folder.
        resume_from: The checkpoint to resume from, or None for a fresh start.
        passed_over: What is wrong with newer checkpoints, in words.
    """

    path: Path
    resume_from: Path | None
    passed_over: tuple[str, ...] = ()

    @classmethod
    def check(cls, config: RunConfig) -> RunFolder:
        """Check that the folder may be written and that the checkpoint is whole, and write nothing.

        Raises:
            OutputError: It is not empty, not a folder, not writable, has no such checkpoint, or would be emptied of
                what the run reads.
        """
        path = config.output_dir
        check_takes_files(path)
        if config.resume_from_checkpoint:
            chosen = choose_checkpoint(path, config.resume_from_checkpoint)
            return cls(path, chosen.path, chosen.passed_over)
        if path.exists() and any(path.iterdir()):
            _check_may_overwrite(path, overwrite=config.overwrite_output_dir)
            _check_reads_nothing_of(path, config)
        return cls(path, None)

    @classmethod
    def of(cls, config: RunConfig) -> RunFolder:
        """Return the folder of a plan, whose configuration names a checkpoint that was checked."""
        checkpoint = config.resume_from_checkpoint
        return cls(config.output_dir, Path(checkpoint) if checkpoint else None)

    @property
    def resumed_run(self) -> Path | None:
        """The folder of the run that the checkpoint belongs to."""
        return self.resume_from and self.resume_from.parent

    def open(self) -> None:
        """Create the folder, or empty it if it holds an earlier run that may be overwritten."""
        if self.resume_from is None and self.path.exists():
            for entry in self.path.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        shutil.rmtree(self.path / STAGING, ignore_errors=True)
        self.path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def recorded(self, run: RunRecord, files: Mapping[str, str]) -> Generator[None]:
        """Open the folder, write files and record, each whole or not at all, and record it if the run fails in here."""
        self.open()
        for name, text in files.items():
            write_atomically(self.path / name, text)
        run.save(self.path)
        try:
            yield
        except Exception as error:
            run.model_copy(update={"status": "failed", "error": str(error)}).save(self.path)
            raise

    def newest_checkpoint(self) -> Path | None:
        """Return the checkpoint with the most steps."""
        return next(iter(newest_first(self.path)), None)


def _check_may_overwrite(path: Path, *, overwrite: bool) -> None:
    if not overwrite:
        raise OutputError(
            "the output folder is not empty",
            where=str(path),
            fix="choose another `output_dir`, add `overwrite_output_dir=true`, or resume it: "
            "`resume_from_checkpoint=last`",
        )
    if not (path / RunRecord.FILE).is_file():
        raise OutputError(
            "the output folder holds something that is not a run, and is not overwritten",
            where=str(path),
            fix="choose another `output_dir`, or empty the folder yourself",
        )


def _check_reads_nothing_of(path: Path, config: RunConfig) -> None:
    """Check that neither the model nor the data lies in the folder that is emptied."""
    model, data = config.model, config.data
    paths = [path for source in find_sources(data.sources) for path in source.paths] if data else []
    read = [
        ("`model.path`", model and model.path),
        ("`model.tokenizer`", model and model.tokenizer),
        *(("`data.path`", path) for path in paths),
        ("`data.eval_path`", data and data.eval_path),
    ]
    for setting, place in read:
        if place and Path(place).exists() and Path(place).resolve().is_relative_to(path.resolve()):
            raise OutputError(
                f"overwriting the folder would delete what {setting} reads: {place}",
                where=str(path),
                fix=f"choose another `output_dir`, or move what {setting} reads",
            )
