"""The run folder: refused unless it is free, written so that a partial run never looks whole."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.errors import OutputError
from upo_sdk.whole_file import check_takes_files, write_whole

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from upo_sdk.config import RunConfig

__all__ = ["MANIFEST", "RunFolder"]

MANIFEST = "run.json"


@dataclass(frozen=True, slots=True)
class RunFolder:
    """Where a run writes.

    Attributes:
        path: The folder.
        resume_from: The checkpoint to go on from, or None for a fresh start.
    """

    path: Path
    resume_from: Path | None

    @classmethod
    def check(cls, config: RunConfig) -> RunFolder:
        """Check that the folder may be written, and write nothing.

        Raises:
            OutputError: It is not empty, not a folder, not writable, or has no such checkpoint.
        """
        path = config.output_dir
        if path.exists() and not path.is_dir():
            raise OutputError(
                "the output path is a file, not a folder", where=str(path), fix="choose another --output_dir"
            )
        check_takes_files(path)
        if config.resume_from_checkpoint:
            return cls(path, _checkpoint(path, config.resume_from_checkpoint))
        if path.exists() and any(path.iterdir()):
            _check_may_overwrite(path, overwrite=config.overwrite_output_dir)
        return cls(path, None)

    @property
    def resumed_run(self) -> Path | None:
        """The folder of the run that the checkpoint belongs to."""
        return self.resume_from and self.resume_from.parent

    def open(self) -> None:
        """Create the folder, or empty it if it holds an earlier run that may be overwritten."""
        if self.resume_from is None and self.path.exists():
            for entry in self.path.iterdir():
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        self.path.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def recorded(self, manifest: Mapping[str, Any], files: Mapping[str, str]) -> Generator[None]:
        """Open the folder, write the files, and say in ``run.json`` that the run goes on, or that it failed in here."""
        self.open()
        for name, text in files.items():
            self.write(name, text)
        self.write_manifest({**manifest, "status": "running"})
        try:
            yield
        except Exception as error:
            self.write_manifest({**manifest, "status": "failed", "error": str(error)})
            raise

    def write(self, name: str, text: str) -> None:
        """Write a file beside its place and rename it, so that it is there whole or not at all."""
        write_whole(self.path / name, text)

    def write_manifest(self, manifest: Mapping[str, Any]) -> None:
        """Write ``run.json``."""
        self.write(MANIFEST, json.dumps(manifest, indent=2, ensure_ascii=False, default=str) + "\n")

    def newest_checkpoint(self) -> Path | None:
        """Return the checkpoint with the most steps."""
        found = [entry for entry in self.path.glob("checkpoint-*") if (entry / "trainer_state.json").is_file()]
        return max(found, key=lambda entry: int(entry.name.rpartition("-")[2]), default=None)


def _check_may_overwrite(path: Path, *, overwrite: bool) -> None:
    if not overwrite:
        raise OutputError(
            "the output folder is not empty",
            where=str(path),
            fix="choose another --output_dir, add --overwrite_output_dir, or go on with --resume_from_checkpoint last",
        )
    if not (path / MANIFEST).is_file():
        raise OutputError(
            "the output folder holds something that is not a run, and is not overwritten",
            where=str(path),
            fix="choose another --output_dir, or empty the folder yourself",
        )


def _checkpoint(path: Path, wanted: str) -> Path:
    if wanted == "last":
        found = RunFolder(path, None).newest_checkpoint() if path.is_dir() else None
    else:
        found = next(
            (place for place in (Path(wanted), path / wanted) if (place / "trainer_state.json").is_file()), None
        )
    if found is None:
        there = sorted(entry.name for entry in path.glob("checkpoint-*")) if path.is_dir() else []
        raise OutputError(
            "there is no complete checkpoint to resume from",
            where=os.fspath(path / wanted) if wanted != "last" else str(path),
            fix=f"checkpoints there: {', '.join(there)}" if there else "start the run without --resume_from_checkpoint",
        )
    return found
