"""Where the sentences of a text in Markdown end, said with full stops, for formulas that look for nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["as_sentences"]

_MEASURABLE_WORDS = 3  # textstat leaves shorter sentences out of its count, but not their words

_RULE = re.compile(r"^[\s|:=*_-]*$")  # a blank line, a ruler, or the line under the head of a table
_MARK = re.compile(r"^\s*(?:[-*+•–]|#{1,6}|>|\(?(?:\d{1,3}|[A-Za-z])[.)])\s+(?:\[[ xX]\]\s+)?")
_TABLE = re.compile(r"^\s*\|.*\|\s*$")
_END = re.compile(r"[.!?…][\"'”’)\]*_]*$")
_INNER_END = re.compile(r"(?<=[.!?…])\s+")
_WORD = re.compile(r"[^\W_]+")
_EMPHASIS = re.compile(r"[*_~]{1,3}(?=\S)|(?<=\S)[*_~]{1,3}")
_WRAPPED_AT = 60  # a shorter line before a capital letter was not broken for want of room


def as_sentences(text: str) -> str:
    """Return the text with a full stop after each heading, item of a list, row of a table, paragraph and short line.

    Marks of Markdown are left out. Pieces of one or two words join the next ones of their kind, as
    "Milk, eggs, bread." would.
    """
    return " ".join(_joined(_pieces(text)))


def _pieces(text: str) -> Iterator[str]:
    """Yield the text between two ends of sentences that the layout shows."""
    open_lines = list[str]()
    for line in text.splitlines():
        starts_anew = _RULE.match(line) or _MARK.match(line) or _TABLE.match(line)
        if open_lines and (starts_anew or _is_complete(open_lines[-1], line)):
            yield " ".join(open_lines)
            open_lines = []
        if not _RULE.match(line):
            open_lines.append(_plain(line))
    if open_lines:
        yield " ".join(open_lines)


def _is_complete(line: str, following: str) -> bool:
    return len(line) < _WRAPPED_AT and following.lstrip()[:1].isupper()


def _plain(line: str) -> str:
    cells = line.strip().strip("|").replace("|", ", ") if _TABLE.match(line) else _MARK.sub("", line)
    return _EMPHASIS.sub("", cells).strip()


def _joined(pieces: Iterator[str]) -> Iterator[str]:
    short = list[str]()
    for sentence in (sentence for piece in pieces for sentence in _INNER_END.split(piece)):
        short.append(sentence)
        if sum(len(_WORD.findall(part)) for part in short) >= _MEASURABLE_WORDS:
            yield _ended(", ".join([*(part.rstrip(".!?…:;,") for part in short[:-1]), short[-1]]))
            short = []
    if short:
        yield _ended(", ".join(short))


def _ended(sentence: str) -> str:
    return sentence if _END.search(sentence) else f"{sentence.rstrip(':;,')}."
