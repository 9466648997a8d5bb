"""Columns of normalised rows: written as a memory-mapped Arrow file, read in batches, never in memory as a whole."""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from upo_sdk.cache import cache_folder, mark_used, scratch_file
from upo_sdk.data.messages import CONVERSATION_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from datasets import Dataset

    from upo_sdk.arrays import KeyArray
    from upo_sdk.data.rows import NormalisedRow

__all__ = [
    "build_dataset",
    "content_name",
    "open_dataset",
    "read_rows_of",
    "read_table",
    "read_tables",
    "rows_file",
    "sha256_array",
]

_BATCH_ROWS = 1000


def read_rows_of(dataset: Dataset, *columns: str) -> Iterator[dict[str, Any]]:
    """Yield one mapping per row."""
    for table in read_tables(dataset, *columns):
        yield from table.to_pylist()


def read_tables(dataset: Dataset, *columns: str) -> Iterator[Any]:
    """Yield Arrow tables of a thousand rows."""
    chosen = dataset.select_columns(list(columns)).with_format("arrow")
    return cast("Iterator[Any]", chosen.iter(batch_size=_BATCH_ROWS))


def read_table(dataset: Dataset, *columns: str) -> Any:
    """Return small columns as one Arrow table."""
    return cast("Any", dataset.select_columns(list(columns)).with_format("arrow"))[:]


def content_name(dataset: Dataset) -> str:
    """Return what ``datasets`` calls a fingerprint: equal for rows of equal content that were made in the same way."""
    return cast("Any", dataset)._fingerprint  # type: ignore[no-any-return] # noqa: SLF001 - it has no other name


def sha256_array(values: Iterable[bytes], count: int) -> KeyArray:
    """Return the hash of every value, to group equal ones without keeping them."""
    return np.fromiter((hashlib.sha256(value).digest() for value in values), "S32", count)


def build_dataset(rows: Iterable[NormalisedRow], *, conversational: bool, finish: Callable[[], str]) -> Dataset:
    """Write the rows to a file of the cache folder and return them as a memory-mapped dataset.

    Args:
        rows: Read once, in batches.
        conversational: Whether rows have messages.
        finish: Called behind the last row; returns the SHA-256 of the content, which names the file, or raises, and
            then there is no file.
    """
    import pyarrow as pa

    schema, remaining, folder = _schema(conversational=conversational), iter(rows), cache_folder("data")
    with scratch_file(folder) as unfinished:
        with pa.ipc.new_stream(str(unfinished), schema) as writer:
            for batch in iter(lambda: list(islice(remaining, _BATCH_ROWS)), list[Any]()):
                writer.write_batch(pa.RecordBatch.from_pylist(batch, schema))
        digest = finish()
        size = unfinished.stat().st_size
        try:
            return open_dataset(digest, size)
        except (OSError, ValueError):
            unfinished.replace(rows_file(digest))
    return open_dataset(digest, size)


def rows_file(digest: str) -> Path:
    """Return where the rows with this digest are kept."""
    return cache_folder("data") / f"{digest}.arrow"


def open_dataset(digest: str, size: int) -> Dataset:
    """Return the rows with this digest, memory-mapped, from a file of so many bytes.

    Raises:
        OSError, ValueError: There is no such file, or it is damaged.
    """
    from datasets import Dataset

    path = rows_file(digest)
    if path.stat().st_size != size:
        msg = f"{path} does not have {size} bytes"
        raise ValueError(msg)
    dataset = Dataset(Dataset.from_file(str(path)).data, fingerprint=digest)
    mark_used(path)
    return dataset


def _schema(*, conversational: bool) -> Any:
    import pyarrow as pa

    columns: dict[str, Any] = {
        "row": pa.int64(),
        "prompt": pa.string(),
        "responses": pa.list_(pa.string()),
        "desirable": pa.list_(pa.bool_()),
        "extra": pa.string(),
    }
    if conversational:
        kinds = (pa.string(), pa.list_(pa.string()), pa.string())
        columns |= dict(zip(CONVERSATION_COLUMNS, kinds, strict=True))
    return pa.schema(columns)
