"""How long the rows of a tokenised dataset are, without reading their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from datasets import Dataset

__all__ = ["longest_first", "tokens_per_row"]

_BATCH_ROWS = 10_000


def tokens_per_row(dataset: Dataset) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the tokens of the prompt and of all responses together, per row."""
    import pyarrow.compute

    pc = cast("Any", pyarrow.compute)
    counts = list[Any]()
    columns = dataset.select_columns(["prompt_ids", "response_ids"]).with_format("arrow")
    for table in cast("Iterator[Any]", columns.iter(batch_size=_BATCH_ROWS)):
        prompts = pc.list_value_length(table.column("prompt_ids")).to_numpy()
        responses = table.column("response_ids")
        owners = pc.list_parent_indices(responses).to_numpy()
        lengths = pc.list_value_length(pc.list_flatten(responses)).to_numpy()
        counts.append(prompts + np.bincount(owners, weights=lengths, minlength=len(prompts)).astype(np.int64))
    return np.concatenate(counts)


def longest_first(dataset: Dataset, count: int) -> Dataset:
    """Return some rows, evenly spread over the dataset, behind the longest one."""
    longest = int(tokens_per_row(dataset).argmax())
    spread = np.linspace(0, len(dataset) - 1, num=min(count, len(dataset)), dtype=np.int64)
    return dataset.select([longest, *(index for index in dict.fromkeys(spread.tolist()) if index != longest)])
