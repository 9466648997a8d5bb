"""Where rows come from: a file, a folder written by ``save_to_disk``, or a dataset of the hub."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upo_sdk.data.files import data_suffix, read_file
from upo_sdk.errors import DataError, OfflineError, did_you_mean
from upo_sdk.isolation import hidden_progress_bars
from upo_sdk.network import is_hub_name, is_offline_by_choice, why_unreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from upo_sdk.data.files import Row
    from upo_sdk.data.problems import Problems

__all__ = ["Source", "open_source", "read_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file, or one split of a folder or of a hub dataset.

    Attributes:
        name: What the user calls it.
        files: The files that hold its rows; none if they are not known.
        rows: Yields ``(row number, row)``, and adds the rows that cannot be parsed to the problems.
    """

    name: str
    files: tuple[Path, ...]
    rows: Callable[[Problems], Iterator[Row]]


def open_source(path: str, split: str) -> Source:
    """Find a source; only a hub name uses the network.

    Args:
        path: A file, a folder, or a hub name.
        split: Which split of a folder or a hub dataset; a file is one split, ``train``.

    Raises:
        DataError: The source is not a dataset, or has no such split. A missing file raises it when it is read.
        OfflineError: It is a hub name, not cached, and the hub is out of reach.
    """
    local = Path(path).expanduser()
    if local.is_dir():
        return _split_of(_load_folder(local), split, path)
    if not local.exists() and data_suffix(local) is None and is_hub_name(path):
        return _split_of(_load_hub(path), split, path)
    if split != "train":
        raise DataError(
            f"a file has no split '{split}'", where=path, fix="give the file of that split, and leave the split out"
        )
    return Source(name=path, files=(local,), rows=partial(read_file, local))


def read_rows(path: str, split: str, problems: Problems) -> Iterator[Row]:
    """Yield ``(row number, row)`` of a source; see :func:`open_source`."""
    return open_source(path, split).rows(problems)


def _split_of(loaded: Any, split: str, path: str) -> Source:
    if isinstance(loaded, dict):
        if split not in loaded:
            raise DataError(
                f"there is no split '{split}'",
                where=path,
                fix=f"{did_you_mean(split, list(loaded))}its splits are: {', '.join(loaded)}",
            )
        loaded = loaded[split]
    files = tuple(Path(file["filename"]) for file in loaded.cache_files)
    return Source(name=path, files=files, rows=lambda _: _numbered(loaded))


def _numbered(dataset: Any) -> Iterator[Row]:
    return enumerate(dataset.with_format(None), start=1)


def _load_folder(folder: Path) -> Any:
    import datasets

    try:
        with hidden_progress_bars("datasets"):
            return datasets.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:
        files = sorted(item.name for item in folder.iterdir() if item.is_file() and data_suffix(item))
        hint = f"give a file in it, such as {folder / files[0]}, or " if files else "give "
        raise DataError(
            "the folder is not a dataset", where=str(folder), fix=f"{hint}a folder that Dataset.save_to_disk wrote"
        ) from error


def _load_hub(name: str) -> Any:
    import datasets
    from huggingface_hub import constants

    kept = is_offline_by_choice() and _is_cached(name)
    if not kept and (reason := why_unreachable(constants.ENDPOINT)):
        raise _offline(name, reason)
    try:
        with hidden_progress_bars("datasets"):
            return datasets.load_dataset(name)
    except ConnectionError as error:
        raise _offline(name, str(error).splitlines()[0]) from error
    except Exception as error:  # the builders of datasets raise whatever their parsers do
        raise DataError(
            f"the dataset cannot be loaded: {next(iter(str(error).splitlines()), type(error).__name__)}",
            where=name,
            fix="check the hub name, or download it and give the file",
        ) from error


def _is_cached(name: str) -> bool:
    from datasets.config import HF_DATASETS_CACHE
    from huggingface_hub import constants

    prepared = Path(HF_DATASETS_CACHE) / name.replace("/", "___")
    downloaded = Path(constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}"
    return prepared.is_dir() or downloaded.is_dir()


def _offline(name: str, reason: str) -> OfflineError:
    return OfflineError(
        f"there is no local file or folder '{name}', and it cannot be downloaded: {reason}",
        where=name,
        fix="check the path, go online, or give a local one: `data.path=FILE.jsonl`",
    )
