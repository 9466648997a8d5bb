"""Hold out a share of the prompts, the same one in every process and on every machine."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

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
    digests = _prompt_digests(dataset)
    ordered = np.unique(digests)
    if len(ordered) == 1:
        raise DataError(
            "all rows have the same prompt, so none can be held out",
            where=source,
            fix="leave eval_fraction out, or give eval_path",
        )
    held_out = ordered[: min(max(1, round(fraction * len(ordered))), len(ordered) - 1)]
    is_held_out = np.isin(digests, held_out)
    return dataset.select(np.flatnonzero(~is_held_out)), dataset.select(np.flatnonzero(is_held_out))


def _prompt_digests(dataset: Dataset) -> np.ndarray[tuple[int], np.dtype[np.bytes_]]:
    prompts = (row["prompt"] for row in dataset.select_columns("prompt"))
    return np.fromiter((hashlib.sha256(prompt.encode()).digest() for prompt in prompts), "S32", len(dataset))
