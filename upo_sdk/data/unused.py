"""Columns that nobody reads, named once: what a user wrote there has no effect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from upo_sdk.data.context import TEMPLATE_COLUMNS
from upo_sdk.data.problems import ONE_PART

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from upo_sdk.data.problems import Parts

__all__ = ["describe_overruled", "describe_unused"]

_PER_RESPONSE = ("", "_chosen", "_rejected")
_CONTENT = frozenset(
    {
        *("prompt", "question", "instruction", "input", "query", "conversations", "messages", "chosen", "rejected"),
        *("completion", "output", "label", "kto_tag", "system", "system_prompt", "history", "context", "margin"),
    }
)
"""Names under which one expects to be read."""
_WORDS_OF_CONTENT = frozenset(
    {
        *("system", "sys", "persona", "history", "context", "instruction", "instructions", "conversation", "turns"),
        *("dialogue", "dialog", "thinking", "reasoning", "thought", "tools", "functions", "documents", "knowledge"),
    }
)
"""Words in a name that promise a part of what the model reads, such as ``system_message``."""
_WORDS_ABOUT_IT = frozenset(
    {"id", "ids", "hash", "source", "len", "length", "count", "tokens", "score", "type", "name"}
)
"""Words in a name that is about such a part, such as ``conversation_id``."""
_WORD = re.compile(r"[a-z]+")
_MEDIA = frozenset({"image", "images", "video", "videos", "audio", "audios"})
_PANDAS_INDEX = ("", "Unnamed: 0", "__index_level_0__")
"""What pandas calls the numbers of rows that it writes along."""
_WAYS = (
    "to be read, a column is named with `data.columns` (for example prompt=NAME or system=NAME), is called "
    "reward/LABEL, sample_weight or margin, or is asked for by an objective"
)


def describe_unused(
    unread: Mapping[str, int],
    used: Collection[str],
    scores: Collection[str],
    parts: Parts = ONE_PART,
) -> tuple[list[str], list[str]]:
    """Return notes and warnings that name the columns of the data without any effect, each column once.

    Args:
        unread: Columns that are no part of prompt, responses or label, with the first row in which they hold something.
        used: Columns that are read nevertheless.
        scores: Names of columns with one number per response, which may be two columns of a pair.
        parts: Where the rows are from.
    """
    known = {*used, *_PANDAS_INDEX, *(f"{name}{side}" for name in scores for side in _PER_RESPONSE)}
    unused = {name: row for name, row in unread.items() if name not in known}
    media = _only(unused, _MEDIA)
    of_templates = _only(unused, TEMPLATE_COLUMNS)
    others = {name: row for name, row in unused.items() if name not in {*media, *of_templates}}
    content = _only(others, {*_CONTENT, *filter(_sounds_like_content, others)})
    warnings = [
        *_sentence(media, parts, "only text can be trained on"),
        *_sentence(
            of_templates, parts, "a chat template reads such columns, and these rows are texts: give them as messages"
        ),
        *_sentence(content, parts, _WAYS),
    ]
    return _sentence({name: row for name, row in others.items() if name not in content}, parts, _WAYS), warnings


def describe_overruled(overruled: Mapping[str, int], parts: Parts = ONE_PART) -> list[str]:
    """Return a warning for every column of the prompt that the messages of the responses overrule."""
    return [
        f"the column '{name}' differs from the prompt that the responses begin with ({parts.name_row(row)}): that "
        "prompt is learned, not the column. Remove one of the two from the data"
        for name, row in overruled.items()
    ]


def _sounds_like_content(name: str) -> bool:
    words = set(_WORD.findall(name.lower()))
    return bool(words & _WORDS_OF_CONTENT) and not words & _WORDS_ABOUT_IT


def _only(columns: Mapping[str, int], names: Collection[str]) -> dict[str, int]:
    return {name: row for name, row in columns.items() if name in names}


def _sentence(columns: Mapping[str, int], parts: Parts, what_to_do: str) -> list[str]:
    if not columns:
        return []
    named = ", ".join(f"'{name}'" for name in columns)
    what = f"the column {named} of the data is" if len(columns) == 1 else f"the columns {named} of the data are"
    return [f"{what} not used ({parts.name_row(min(columns.values()))}): {what_to_do}"]
