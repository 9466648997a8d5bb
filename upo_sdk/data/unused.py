"""Columns that nobody reads, named once: what a user wrote there has no effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.data.template_inputs import TEMPLATE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

__all__ = ["describe_unused"]

_PER_RESPONSE = ("", "_chosen", "_rejected")
_CONTENT = frozenset(
    {
        *("prompt", "question", "instruction", "input", "query", "conversations", "messages", "chosen", "rejected"),
        *("completion", "output", "label", "kto_tag", "system", "system_prompt", "history", "tools", "documents"),
        *("chat_template_kwargs", "context", "image", "images", "video", "videos", "audio", "audios", "margin"),
    }
)
"""Names under which one expects to be read."""


def describe_unused(
    unread: Mapping[str, int], used: Collection[str], scores: Collection[str]
) -> tuple[list[str], list[str]]:
    """Return at most one note and one warning that name the columns of the data without any effect.

    Args:
        unread: Columns that are no part of prompt, responses or label, with the first row in which they hold something.
        used: Columns that are read nevertheless.
        scores: Names of columns with one number per response, which may be two columns of a pair.
    """
    known = {*used, *(f"{name}{side}" for name in scores for side in _PER_RESPONSE)}
    unused = {name: row for name, row in unread.items() if name not in known}
    meant = {name: row for name, row in unused.items() if name in _CONTENT}
    others = {name: row for name, row in unused.items() if name not in meant}
    return _sentences(others), _sentences(meant)


def _sentences(columns: Mapping[str, int]) -> list[str]:
    if not columns:
        return []
    named = ", ".join(f"'{name}'" for name in columns)
    what, verb, them = ("column", "is", "it") if len(columns) == 1 else ("columns", "are", "them")
    return [f"the {what} {named} of the data {verb} not used (row {min(columns.values())}): {_way_out(columns, them)}"]


def _way_out(columns: Mapping[str, int], them: str) -> str:
    if columns.keys() <= set(TEMPLATE_COLUMNS):
        return f"a chat template reads {them}, and these rows are texts: give prompts and responses as messages"
    return (
        f"rename {them} to be read, such as --columns prompt=NAME, reward/LABEL, sample_weight or margin, or name an "
        f"objective that asks for {them}"
    )
