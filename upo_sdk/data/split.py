"""Which rows are held out, and which γ is measured on: the same ones in every process, whatever the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from upo_sdk.data.columns import read_rows_of, sha256_array
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

__all__ = ["SAMPLE_ROWS", "hold_out", "sample_rows"]

SAMPLE_ROWS = 512


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


def sample_rows(count: int, weight_R: np.ndarray[tuple[int], np.dtype[Any]] | None = None) -> Sequence[int]:
    """Return up to :data:`SAMPLE_ROWS` of so many rows, in order; no row of weight 0 takes a place."""
    drawn = np.random.default_rng(0).permutation(count)
    counted = drawn if weight_R is None else drawn[weight_R[drawn] > 0]
    rows: list[int] = sorted(counted[:SAMPLE_ROWS].tolist())
    return rows
