"""Reads the verdict from a judge's answer."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Verdict", "read_verdict"]

Verdict = Literal["first", "second", "tie"]

_WORDS: dict[str, Verdict] = {
    "a": "first",
    "b": "second",
    "c": "tie",
    "tie": "tie",
    "tied": "tie",
    "draw": "tie",
    "neither": "tie",
    "equal": "tie",
}
_READ_CHARACTERS = 4000
_ORNAMENT = " \t\r\n*_`'\"#>()[]{}.:;,!“”‘’"

_THOUGHT = re.compile(r"<think(?:ing)?>.*?</think(?:ing)?>|^.*</think(?:ing)?>|<think(?:ing)?>.*", re.DOTALL)
_BOXED = re.compile(r"(?:\[\[|\\boxed\{|<(?:answer|verdict)>)\s*(A|B|C|tie|draw)\s*(?:\]\]|\}|<)", re.IGNORECASE)
_LABEL = r"(?:(?:final|better|best)\s+)?(?:verdict|winner|decision|choice|answer|assistant|response|option)"
_WORD = r"[*_`'\"(\[]*(a|b|tie|draw)[*_`'\")\]]*"
_LABELLED = re.compile(
    rf"(?:the\s+)?{_LABEL}(?:\s+is|\s*[:=])?\s*(?:answer\s+)?{_WORD}(?:\s+(?:is better|wins))?", re.IGNORECASE
)
_IN_PROSE = re.compile(rf"\b(?i:{_LABEL})(?:\s+is|\s*[:=])\s*(?i:answer\s+)?[*_`'\"(\[]*(A|B|[Tt]ie|TIE)\b")


def read_verdict(text: str) -> Verdict | None:
    """Return the verdict in a reply, or None if it has none.

    Understood are the bare word whatever ornaments or JSON it is wrapped in; the same as the last line behind an
    explanation; and words like ``verdict:`` or ``the winner is`` before it, if all of them name the same one. Thoughts
    in ``<think>`` are left out. Prose without such a verdict is not guessed at.
    """
    said = _THOUGHT.sub("", text).strip()[-_READ_CHARACTERS:]
    lines = [line for line in said.splitlines() if line.strip(_ORNAMENT)]
    if not lines:
        return None
    return _boxed(said) or _of_json(said) or _of_line(lines[-1]) or _in_prose(said) or _of_line(lines[0])


def _boxed(text: str) -> Verdict | None:
    found = _BOXED.findall(text)
    return _WORDS[found[-1].lower()] if found else None


def _of_json(text: str) -> Verdict | None:
    try:
        value = json.loads(text.strip("`").removeprefix("json"))
    except (ValueError, RecursionError):
        return None
    values = list(cast("dict[str, object]", value).values()) if isinstance(value, dict) else [value]
    return _agreed(_WORDS.get(item.strip().lower()) for item in values if isinstance(item, str))


def _of_line(line: str) -> Verdict | None:
    bare = line.strip(_ORNAMENT)
    match = _LABELLED.fullmatch(bare)
    return _WORDS.get((match[1] if match else bare).lower())


def _in_prose(text: str) -> Verdict | None:
    return _agreed(_WORDS[word.lower()] for word in _IN_PROSE.findall(text))


def _agreed(verdicts: Iterable[Verdict | None]) -> Verdict | None:
    found: set[Verdict] = {item for item in verdicts if item}
    return found.pop() if len(found) == 1 else None
