"""Normalised rows as a memory-mapped Arrow file, so that more data do not need more memory."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from upo_sdk.cache import cache_folder, mark_used, scratch_file
from upo_sdk.data.messages import CONVERSATION_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from datasets import Dataset

    from upo_sdk.data.rows import NormalisedRow

__all__ = ["build_dataset"]

_BATCH_ROWS = 1000


def build_dataset(rows: Iterable[NormalisedRow], *, conversational: bool, finish: Callable[[], str]) -> Dataset:
    """Write the rows to a file of the cache folder and return them as a memory-mapped dataset.

    Args:
        rows: Read once, in batches.
        conversational: Whether rows have messages.
        finish: Called behind the last row; returns the SHA-256 of the content, which names the file, or raises, and
            then there is no file.
    """
    import pyarrow as pa
    from datasets import Dataset

    schema, remaining, folder = _schema(conversational=conversational), iter(rows), cache_folder("data")
    with scratch_file(folder) as unfinished:
        with pa.ipc.new_stream(str(unfinished), schema) as writer:
            for batch in iter(lambda: list(islice(remaining, _BATCH_ROWS)), list[Any]()):
                writer.write_batch(pa.RecordBatch.from_pylist(batch, schema))
        digest = finish()
        path = folder / f"{digest}.arrow"
        if path.exists() and path.stat().st_size == unfinished.stat().st_size:  # another size: it was cut off
            mark_used(path)
        else:
            unfinished.replace(path)
    return Dataset(Dataset.from_file(str(path)).data, fingerprint=digest)


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
