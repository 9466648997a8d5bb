"""Which sequences share a row: first fit, longest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["pack"]


def pack(lengths: Sequence[int]) -> list[list[int]]:
    """Return rows of indices; no row is longer than the longest sequence, so that packing never widens the mask.

    First-fit decreasing needs at most 11/9 of the fewest possible rows, plus one (Johnson, 1973).
    """
    width, rows, room = max(lengths), list[list[int]](), list[int]()
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        row = next((row for row, left in enumerate(room) if left >= lengths[index]), len(rows))
        if row == len(rows):
            rows.append([])
            room.append(width)
        rows[row].append(index)
        room[row] -= lengths[index]
    return rows
