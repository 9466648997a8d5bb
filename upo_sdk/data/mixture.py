"""Checked sources, joined or mixed into one dataset whose rows know where they are from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from glob import has_magic
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from upo_sdk.data.columns import read_table
from upo_sdk.data.problems import Part, with_parts
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from datasets import Dataset

    from upo_sdk.arrays import IntArray
    from upo_sdk.data.check import Checked
    from upo_sdk.data.paths import NamedSource

__all__ = ["CheckedPart", "Joined", "join"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedPart:
    """One checked file, folder or hub dataset.

    Attributes:
        path: What the user calls it.
        of: The source that named it.
        found: What checking it found.
        rows: Its good rows.
    """

    path: str
    of: NamedSource
    found: Checked
    rows: Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The rows of all parts.

    Attributes:
        rows: Their numbers begin, in every part, behind those of the part before.
        before: Of every part, how many numbers the parts before it have.
        fingerprint: SHA-256 of the content and of how it was mixed, in hexadecimal.
        description: How many rows are from where.
    """

    rows: Dataset
    before: tuple[int, ...]
    fingerprint: str
    description: str


def join(parts: Sequence[CheckedPart], *, seed: int, max_rows: int | None) -> Joined:
    """Return all rows of all parts in order; or, if the sources have weights, rows that are drawn by them.

    Each row is drawn at most once: the mixture ends when a source has no more rows.

    Args:
        parts: In the order of the sources.
        seed: Of the draw.
        max_rows: Use only the first so many rows.

    Raises:
        DataError: They hold different kinds of data.
    """
    _check_alike(parts)
    before = _numbers_before(parts)
    if len(parts) == 1:
        rows, digest = parts[0].rows, parts[0].found.digest
    else:
        numbered = [_behind(part.rows, first) for part, first in zip(parts, before, strict=True)]
        rows = _mixed(parts, numbered, seed)
        rows = rows.select(range(min(len(rows), max_rows or len(rows))))
        digest = _fingerprint(parts, seed, max_rows)
    known = [Part(part.path, part.found.names, first) for part, first in zip(parts, before, strict=True)]
    return Joined(
        rows=with_parts(rows, known),
        before=before,
        fingerprint=digest,
        description=_describe(parts, before, rows),
    )


def _check_alike(parts: Sequence[CheckedPart]) -> None:
    first = parts[0]
    for part in parts[1:]:
        if (part.found.kind, part.found.conversational) != (first.found.kind, first.found.conversational):
            raise DataError(
                f"it holds {part.found.form}, and {first.path} holds {first.found.form}",
                where=part.path,
                fix="give sources of one kind, or train on one after the other",
            )


def _numbers_before(parts: Sequence[CheckedPart]) -> tuple[int, ...]:
    last = [int(part.rows[-1]["row"]) for part in parts]
    return tuple(np.cumsum([0, *last[:-1]]).tolist())


def _behind(rows: Dataset, before: int) -> Dataset:
    """Return rows with numbers that are so much larger."""
    from datasets import Dataset, concatenate_datasets

    if not before:
        return rows
    numbers = Dataset.from_dict({"row": _row_numbers(rows) + before}, features=rows.select_columns("row").features)
    return concatenate_datasets([numbers, rows.remove_columns("row")], axis=1)


def _row_numbers(rows: Dataset) -> IntArray:
    found: IntArray = read_table(rows, "row")["row"].to_numpy()
    return found


def _mixed(parts: Sequence[CheckedPart], numbered: Sequence[Dataset], seed: int) -> Dataset:
    from datasets import concatenate_datasets, interleave_datasets

    weights = {part.of.name: part.of.weight for part in parts}
    if None in weights.values():
        return concatenate_datasets(list(numbered))
    draw = np.random.default_rng(seed)
    sources = [
        concatenate_datasets([rows for part, rows in zip(parts, numbered, strict=True) if part.of.name == name])
        for name in weights
    ]
    shuffled = [rows.select(draw.permutation(len(rows))) for rows in sources]
    shares = np.array([weight or 0.0 for weight in weights.values()])
    return interleave_datasets(
        shuffled, probabilities=(shares / shares.sum()).tolist(), seed=seed, stopping_strategy="first_exhausted"
    )


def _fingerprint(parts: Sequence[CheckedPart], seed: int, max_rows: int | None) -> str:
    digests = [(part.found.digest, part.of.weight) for part in parts]
    drawn = seed if parts[0].of.weight is not None else None
    return hashlib.sha256(json.dumps([digests, drawn, max_rows]).encode()).hexdigest()


def _describe(parts: Sequence[CheckedPart], before: tuple[int, ...], rows: Dataset) -> str:
    """Return where the rows are from, and how many of each source if there are several."""
    if len(parts) == 1:
        return _name(parts[0].path)
    counts = np.bincount(np.searchsorted(before, _row_numbers(rows), side="left") - 1, minlength=len(parts))
    starts = [0, *(at + 1 for at, (one, other) in enumerate(pairwise(parts)) if one.of is not other.of), len(parts)]
    return ", ".join(
        _describe_source(parts[begin:end], int(counts[begin:end].sum())) for begin, end in pairwise(starts)
    )


def _describe_source(parts: Sequence[CheckedPart], used: int) -> str:
    whole = sum(len(part.rows) for part in parts)
    files = f"{len(parts):,} files, " if len(parts) > 1 else ""
    return f"{_name(parts[0].of.name)} ({files}{used:,} of {whole:,})"


def _name(path: str) -> str:
    return Path(path).name if Path(path).expanduser().exists() or has_magic(path) else path
