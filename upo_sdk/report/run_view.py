"""Which samples the page shows, and how much of each, so that it stays small whatever a model writes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from upo_sdk.records import Compared, Sample

__all__ = ["Excerpt", "Excerpts", "Text", "excerpts"]

_SAMPLES = 24
_OPEN = 700  # characters that are shown without asking
_KEPT = 12_000  # characters of one text that the page holds at all
_BUDGET = 600_000  # characters of all texts: markup and charts come on top, and the page stays below 2 MB


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text as the page shows it.

    Attributes:
        start: What is always shown.
        rest: What is shown on demand.
        left_out: Characters that are only in ``samples.jsonl``.
    """

    start: str
    rest: str
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """One sample as the page shows it."""

    prompt: Text
    baseline: Text
    model: Text
    tokens: Compared
    rewards: Mapping[str, Compared]
    unchanged: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpts:
    """The samples on the page; ``total`` and ``unchanged`` count all samples of the run."""

    shown: tuple[Excerpt, ...]
    total: int
    unchanged: int


def excerpts(samples: Sequence[Sample]) -> Excerpts:
    """Take the first samples, in order: none is picked."""
    shown = list[Excerpt]()
    size = 0
    for sample in samples[:_SAMPLES]:
        size += sum(min(len(text), _KEPT) for text in (sample.prompt, sample.baseline or "", sample.model))
        if shown and size > _BUDGET:
            break
        shown.append(
            Excerpt(
                prompt=_cut(sample.prompt),
                baseline=_cut(sample.baseline or ""),
                model=_cut(sample.model),
                tokens=sample.tokens,
                rewards={**sample.normalized_rewards, **sample.rewards},
                unchanged=sample.baseline == sample.model,
            )
        )
    unchanged = sum(sample.baseline == sample.model for sample in samples)
    return Excerpts(shown=tuple(shown), total=len(samples), unchanged=unchanged)


def _cut(text: str) -> Text:
    if len(text) <= _OPEN:
        return Text(start=text, rest="", left_out=0)
    return Text(start=text[:_OPEN], rest=text[_OPEN:_KEPT], left_out=max(0, len(text) - _KEPT))
