"""Columns of a memory-mapped dataset, read in batches so that they are never in memory as a whole."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from datasets import Dataset

    from upo_sdk.arrays import KeyArray

__all__ = ["content_name", "read_rows_of", "read_tables", "sha256_array"]

_BATCH_ROWS = 1000


def read_rows_of(dataset: Dataset, *columns: str) -> Iterator[dict[str, Any]]:
    """Yield one mapping per row."""
    return cast("Iterator[dict[str, Any]]", iter(dataset.select_columns(list(columns))))


def read_tables(dataset: Dataset, *columns: str) -> Iterator[Any]:
    """Yield Arrow tables of a thousand rows."""
    chosen = dataset.select_columns(list(columns)).with_format("arrow")
    return cast("Iterator[Any]", chosen.iter(batch_size=_BATCH_ROWS))


def content_name(dataset: Dataset) -> str:
    """Return what ``datasets`` calls a fingerprint: equal for rows of equal content that were made in the same way."""
    return cast("Any", dataset)._fingerprint  # type: ignore[no-any-return] # noqa: SLF001 - it has no other name


def sha256_array(values: Iterable[bytes], count: int) -> KeyArray:
    """Return the hash of every value, to group equal ones without keeping them."""
    return np.fromiter((hashlib.sha256(value).digest() for value in values), "S32", count)
