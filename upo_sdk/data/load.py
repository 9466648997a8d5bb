"""From a :class:`DataConfig` to checked, normalised preference data."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from upo_sdk.data.mixture import CheckedPart, join
from upo_sdk.data.paths import find_sources
from upo_sdk.data.problems import describe_left_out, parts_of
from upo_sdk.data.remembered import check_or_remember
from upo_sdk.data.source import open_source
from upo_sdk.data.split import hold_out
from upo_sdk.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from datasets import Dataset

    from upo_sdk.config.sections import DataConfig
    from upo_sdk.data.problems import BadRow, Parts
    from upo_sdk.data.shapes import Kind
    from upo_sdk.plugin.specs import DatasetFormatSpec

__all__ = ["PreferenceData", "load_preference_data"]


@dataclass(frozen=True, kw_only=True)
class PreferenceData:
    """Checked preference data in one normalised form.

    Columns of ``train`` and ``eval``: ``row`` (1-based; the numbers of a further source begin behind those of the one
    before), ``prompt`` and ``responses`` (text, as objectives see it; ``[chosen, rejected]`` or ``[completion]``),
    ``desirable`` (per response), ``extra`` (all other columns of the source, one JSON object; :func:`completions` reads
    it), and for conversations ``prompt_messages``, ``response_messages`` and ``template_inputs``, which
    :func:`~upo_sdk.data.messages.load_conversation` reads.

    Attributes:
        train: Rows to train on.
        eval: Rows to evaluate on, or None.
        shape: Pairs, or single completions labelled desirable or not.
        conversational: Whether the policy sees the messages through its chat template.
        columns: Further columns that every row has, which ``Needs.columns`` may ask for.
        unread: Further columns that any row has, with the first row in which they hold something.
        overruled: Columns of the prompt whose text differs from the messages that the responses begin with, with the
            first row in which it does.
        bad_rows: What is left out because ``on_bad_rows`` is ``drop``.
        fingerprint: SHA-256 of the normalised content of both parts, in hexadecimal.
        description: One sentence: how much of what was found where.
    """

    train: Dataset
    eval: Dataset | None
    shape: Kind
    conversational: bool
    columns: frozenset[str]
    unread: Mapping[str, int]
    overruled: Mapping[str, int]
    bad_rows: tuple[BadRow, ...]
    fingerprint: str
    description: str

    @property
    def parts(self) -> Parts:
        """Where the rows to train on are from."""
        return parts_of(self.train)

    def describe_bad_rows(self) -> list[str]:
        """Return a sentence about the rows that are left out, if there are some."""
        rows = len(self.train) + len(self.eval or ()) + len(self.bad_rows)
        return [describe_left_out(self.bad_rows, rows, self.parts)] if self.bad_rows else []


def load_preference_data(
    config: DataConfig,
    *,
    formats: Sequence[DatasetFormatSpec] = (),
    labelled: bool = True,
) -> PreferenceData:
    """Read, check and normalise preference data.

    Args:
        config: What to read.
        formats: Shapes that plugins can read, besides the built-in ones.
        labelled: Whether single completions need a label; those without one count as desirable.

    Raises:
        DataError: The source, its columns or any of its rows cannot be used; all bad rows are counted.
        OfflineError: A hub name that is not cached, and the hub is out of reach.
    """
    load = partial(_load_split, config, formats=formats, labelled=labelled)
    data, form = load(config.sources, config.split, config.max_rows)
    parts = [form, data.description]
    if config.eval_fraction:
        train, held_out = hold_out(data.train, config.eval_fraction, ", ".join(config.sources))
        data = replace(data, train=train, eval=held_out)
    elif config.eval_path or config.eval_split:
        split = config.eval_split or ("train" if config.eval_path else config.split)
        sources = (config.eval_path,) if config.eval_path else config.sources
        other, other_form = load(sources, split, None)
        if (data.shape, data.conversational) != (other.shape, other.conversational):
            raise DataError(
                f"training data are {form}, evaluation data are {other_form}",
                where=", ".join(sources),
                fix="give both in the same format",
            )
        data = _with_evaluation(data, other)
    if data.eval is not None:
        parts.append(f"{len(data.eval):,} to evaluate on")
    return replace(data, description=f"{len(data.train):,} {'; '.join(filter(None, parts))}")


def _with_evaluation(data: PreferenceData, other: PreferenceData) -> PreferenceData:
    return replace(
        data,
        eval=other.train,
        columns=data.columns & other.columns,
        unread={**other.unread, **data.unread},
        overruled={**other.overruled, **data.overruled},
        bad_rows=(*data.bad_rows, *other.bad_rows),
        fingerprint=hashlib.sha256(f"{data.fingerprint}{other.fingerprint}".encode()).hexdigest(),
    )


def _load_split(
    config: DataConfig,
    written: Sequence[str],
    split: str,
    max_rows: int | None,
    *,
    formats: Sequence[DatasetFormatSpec],
    labelled: bool,
) -> tuple[PreferenceData, str]:
    """Return the data of one split, described by how its columns were read, and its form and sources in words."""
    sources, parts = find_sources(written), list[CheckedPart]()
    left = None if sources[0].weight else max_rows  # the first rows of a mixture are known once it is mixed
    for source in sources:
        for path in source.paths if left != 0 else ():
            found, rows = check_or_remember(config, open_source(path, split), left, formats, labelled=labelled)
            parts.append(CheckedPart(path=path, of=source, found=found, rows=rows))
            left = left and max(left - len(rows), 0)
    joined = join(parts, seed=config.mixture_seed, max_rows=max_rows)
    numbered = list(zip(joined.before, (part.found for part in parts), strict=True))[::-1]  # of two rows, the first
    data = PreferenceData(
        train=joined.rows,
        eval=None,
        shape=parts[0].found.kind,
        conversational=parts[0].found.conversational,
        columns=frozenset.intersection(*(part.found.columns for part in parts)),
        unread={name: before + row for before, found in numbered for name, row in found.unread.items()},
        overruled={name: before + row for before, found in numbered for name, row in found.overruled.items()},
        bad_rows=tuple(bad for part in parts for bad in part.found.bad_rows),
        fingerprint=joined.fingerprint,
        description="; ".join(dict.fromkeys(filter(None, (part.found.description for part in parts)))),
    )
    forms = " and ".join(dict.fromkeys(part.found.form for part in parts))
    return data, f"{forms} from {joined.description}"
