"""The rows that γ is measured on: the same ones whatever the seed of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["SAMPLE_ROWS", "sample_rows"]

SAMPLE_ROWS = 512


def sample_rows(count: int, weight_R: np.ndarray[tuple[int], np.dtype[Any]] | None = None) -> Sequence[int]:
    """Return up to :data:`SAMPLE_ROWS` of so many rows, in order; no row of weight 0 takes a place."""
    drawn = np.random.default_rng(0).permutation(count)
    counted = drawn if weight_R is None else drawn[weight_R[drawn] > 0]
    rows: list[int] = sorted(counted[:SAMPLE_ROWS].tolist())
    return rows
