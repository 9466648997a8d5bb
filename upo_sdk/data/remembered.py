"""Sources that did not change since they were checked: what was found then is read from the cache."""

from __future__ import annotations

from contextlib import suppress
from importlib.metadata import version
from time import time
from typing import TYPE_CHECKING, Any

from upo_sdk.atomic_file import write_atomically
from upo_sdk.cache import cache_folder, content_key, mark_used
from upo_sdk.data.check import Checked, check_rows
from upo_sdk.data.columns import open_dataset, rows_file
from upo_sdk.records import Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from datasets import Dataset

    from upo_sdk.config.sections import DataConfig
    from upo_sdk.data.source import Source
    from upo_sdk.plugin.specs import DatasetFormatSpec

__all__ = ["check_or_remember"]

_VERSION = 1
"""Of the checks and of what is kept; to be raised where the same rows would be read in another way."""
_SETTLED_SECONDS = 2.0
"""A file changed so recently may change again without another time of change: FAT counts in steps of two seconds."""


class _Entry(Record):
    """What is kept: what was found, and how many bytes the file of the rows has."""

    bytes: int
    found: Checked


def check_or_remember(
    config: DataConfig, source: Source, max_rows: int | None, formats: Sequence[DatasetFormatSpec], *, labelled: bool
) -> tuple[Checked, Dataset]:
    """Return the checked rows of a source, and what was found in them; of an unchanged source, from the cache.

    Rows that a plugin converts are always read: its code may have changed.

    Raises:
        DataError: The source, its columns or any of its rows cannot be used; all bad rows are counted.
    """
    files = _describe(source.files)
    if not files:
        return check_rows(config, source, max_rows, formats, labelled=labelled)
    settings = config.model_dump(mode="json", include={"columns", "format", "on_bad_rows"})
    known = [(spec.name, sorted(spec.columns), spec.target) for spec in formats]
    key = content_key("checked", _VERSION, version("upo-sdk"), source.name, files, settings, max_rows, labelled, known)
    path = cache_folder("checked") / f"{key.hex()}.json"
    with suppress(OSError, ValueError):  # missing, damaged, or its rows are
        return _recall(path)
    started = time()
    found, dataset = check_rows(config, source, max_rows, formats, labelled=labelled)
    settled = all(file["mtime"] < (started - _SETTLED_SECONDS) * 1e9 for file in files)
    if settled and found.plugin_format is None and files == _describe(source.files):
        entry = _Entry(bytes=rows_file(found.digest).stat().st_size, found=found)
        write_atomically(path, entry.model_dump_json())
    return found, dataset


def _describe(files: Sequence[Path]) -> list[dict[str, Any]]:
    """Return what changes when a file does; nothing if one is missing."""
    try:
        stats = [(file.resolve(), file.stat()) for file in files]
    except OSError:
        return []
    return [
        {"path": str(path), "size": stat.st_size, "mtime": stat.st_mtime_ns, "ctime": stat.st_ctime_ns}
        for path, stat in stats
    ]


def _recall(path: Path) -> tuple[Checked, Dataset]:
    """Read what is kept.

    Raises:
        OSError, ValueError: There is nothing, or it is damaged.
    """
    entry = _Entry.model_validate_json(path.read_bytes())
    dataset = open_dataset(entry.found.digest, entry.bytes)
    mark_used(path)
    return entry.found, dataset
