"""Hold out a share of the prompts, the same one in every process and on every machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.data.columns import read_rows_of, sha256_array
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["hold_out"]


def hold_out(dataset: Dataset, fraction: float, source: str) -> tuple[Dataset, Dataset]:
    """Split by prompt: return the rows to train on and those of about ``fraction`` of the distinct prompts.

    The prompts with the smallest SHA-256 are held out, at least one and never all.

    Raises:
        DataError: All rows have the same prompt.
    """
    digests = sha256_array((row["prompt"].encode() for row in read_rows_of(dataset, "prompt")), len(dataset))
    ordered = np.unique(digests)
    if len(ordered) == 1:
        raise DataError(
            "all rows have the same prompt, so none can be held out",
            where=source,
            fix="leave `data.eval_fraction` out, or give `data.eval_path`",
        )
    held_out = ordered[: min(max(1, round(fraction * len(ordered))), len(ordered) - 1)]
    is_held_out = np.isin(digests, held_out)
    return dataset.select(np.flatnonzero(~is_held_out)), dataset.select(np.flatnonzero(is_held_out))
