"""Prompts and responses in memory, as the reference pass reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.cache import content_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.arrays import IntArray
    from upo_sdk.policy.layouts import TokenizedRow

__all__ = ["TokenizedList"]


class TokenizedList:
    """A :class:`~upo_sdk.policy.reference.RowSource` of rows that are in memory.

    Args:
        rows: A prompt and its responses, as token ids.
    """

    def __init__(self, rows: Sequence[TokenizedRow]) -> None:
        self._rows = rows
        self.fingerprint = content_key("branch list", 1, [list(row) for row in rows]).hex()
        self.prompt_lengths_R: IntArray = np.array([len(row.prompt_ids) for row in rows])
        self.response_counts_R: IntArray = np.array([len(row.response_ids) for row in rows])
        self.response_lengths_N: IntArray = np.array([len(ids) for row in rows for ids in row.response_ids])

    def __len__(self) -> int:
        return len(self._rows)

    def fetch(self, rows: Sequence[int], /) -> list[TokenizedRow]:
        """Return some rows."""
        return [self._rows[row] for row in rows]
