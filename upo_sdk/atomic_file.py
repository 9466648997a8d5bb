"""Files that are there whole or not at all, folders that take them, and files that only stand for others."""

from __future__ import annotations

import os
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from upo_sdk.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = ["PULL", "check_takes_files", "is_git_lfs_pointer", "whole_file", "write_atomically"]

PULL = "download what it stands for: git lfs pull"
"""What to do about a file that :func:`is_git_lfs_pointer`."""

_POINTER = b"version https://git-lfs.github.com/"


def check_takes_files(folder: Path, setting: str = "output_dir") -> None:
    """Check that files can be written to a folder, which need not exist yet, and write nothing.

    Args:
        folder: The folder.
        setting: The key of the setting that names it.

    Raises:
        OutputError: They cannot, or it is a file.
    """
    fix = f"choose another `{setting}`"
    if folder.exists() and not folder.is_dir():
        raise OutputError("the output path is a file, not a folder", where=str(folder), fix=fix)
    existing = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        what = f"the output folder cannot be written: {error.strerror or error}"
        raise OutputError(what, where=str(folder), fix=fix) from error


def write_atomically(path: Path, text: str) -> None:
    """Write a file beside its place and rename it, so that no reader and no kill ever leaves half of it."""
    with whole_file(path) as beside:
        beside.write_text(text, encoding="utf-8")


@contextmanager
def whole_file(path: Path) -> Generator[Path]:
    """Yield where to write a file beside its place; at the end it is renamed, after an error it is removed."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        yield beside
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def is_git_lfs_pointer(path: Path) -> bool:
    """Return whether a file is the few lines that Git keeps in the place of a large file."""
    with path.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER
