"""Normalised rows as an Arrow-backed dataset, built in batches so that texts are held once, in Arrow's memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from datasets import Dataset

    from upo_sdk.data.rows import NormalisedRow

__all__ = ["build_dataset"]

_BATCH_ROWS = 1000


def build_dataset(rows: Iterable[NormalisedRow], *, conversational: bool) -> Dataset:
    """Return the rows as a dataset in memory; no cache file is written."""
    import pyarrow as pa
    from datasets import Dataset

    schema = _schema(conversational=conversational)
    remaining = iter(rows)
    batches = iter(lambda: list(islice(remaining, _BATCH_ROWS)), list[Any]())
    table = pa.Table.from_batches([pa.RecordBatch.from_pylist(batch, schema) for batch in batches], schema)
    return Dataset(table)


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
        messages = pa.list_(pa.struct({"role": pa.string(), "content": pa.string()}))
        columns |= {"prompt_messages": messages, "response_messages": pa.list_(messages)}
    return pa.schema(columns)
