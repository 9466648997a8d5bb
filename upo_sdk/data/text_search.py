"""Finds texts in other ones, which may have other blanks, and measures how far two of them are the same."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["any_of", "common_length", "find_text", "without_blanks"]


def without_blanks(text: str) -> str:
    """Return a text without any of its blanks."""
    return "".join(text.split())


def find_text(text: str, within: str, start: int = 0) -> tuple[int, int] | None:
    """Return where a text begins and ends in another one, blanks aside; None if it is not in it."""
    place = within.find(text, start)
    if place >= 0:
        return place, place + len(text)
    wanted = without_blanks(text)
    places = [at for at in range(start, len(within)) if not within[at].isspace()]
    place = "".join(within[at] for at in places).find(wanted)
    return None if place < 0 else (places[place], places[place + len(wanted) - 1] + 1)


def any_of(texts: Iterable[str]) -> re.Pattern[str]:
    """Return a pattern that matches the longest of some texts, and nothing if there are none."""
    return re.compile("|".join(map(re.escape, sorted(texts, key=len, reverse=True))) or r"(?!)")


def common_length(sequences: Sequence[Sequence[Any]]) -> int:
    """Return how many leading tokens, or characters, all sequences share."""
    first, *others = sequences
    end = len(first)
    for other in others:
        if other[:end] != first[:end]:
            end = next(at for at, (a, b) in enumerate(zip(first, [*other, None], strict=False)) if a != b)
    return end
