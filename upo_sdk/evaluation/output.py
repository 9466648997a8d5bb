"""Where an evaluation writes: checked before any work, written whole or not at all."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING

from upo_sdk.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check_writable", "write"]


def check_writable(folder: Path) -> None:
    """Check that files can be written to a folder, which need not exist yet, and write nothing.

    Raises:
        OutputError: They cannot.
    """
    if folder.exists() and not folder.is_dir():
        raise OutputError("the output path is a file, not a folder", where=str(folder), fix="choose another folder")
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        raise OutputError(
            f"the output folder cannot be written: {error.strerror or error}",
            where=str(folder),
            fix="choose another --output_dir",
        ) from error


def write(path: Path, text: str) -> None:
    """Write a file beside its place and rename it, so that it is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.partial")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
