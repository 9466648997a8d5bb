"""Where what the user wrote, what objectives score and what the policy learns are not the same: counted, in words."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from upo_sdk.records import DataFinding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = [
    "ADDED_TO_ANSWERS",
    "ADDED_TO_PROMPTS",
    "CONTINUED",
    "CONTROL_TOKENS",
    "DROPPED",
    "EOS_ADDED",
    "LOST_IN_TOKENS",
    "MERGED",
    "OPENING",
    "OTHER_SPEAKERS",
    "PROMPT_REPEATED",
    "UNLEARNED",
    "UNSCORED",
    "count_findings",
    "noted",
    "once_key",
]

DROPPED = "dropped"
UNLEARNED = "unlearned"
UNSCORED = "unscored"
ADDED_TO_ANSWERS = "added_to_answers"
ADDED_TO_PROMPTS = "added_to_prompts"
OPENING = "opening"
CONTINUED = "continued"
OTHER_SPEAKERS = "other_speakers"
MERGED = "merged"
EOS_ADDED = "eos_added"
CONTROL_TOKENS = "control_tokens"
PROMPT_REPEATED = "prompt_repeated"
LOST_IN_TOKENS = "lost_in_tokens"

_SEPARATOR = "\t"


class _Kind(NamedTuple):
    level: Literal["info", "warning"]
    says: str
    """With ``{detail}`` and ``{rows}``."""


_KINDS = {
    DROPPED: _Kind(
        "warning",
        "the chat template leaves out {detail} ({rows}): the policy never reads it. Take a template that writes it, "
        "`model.chat_template=FILE`, or leave it out of the data",
    ),
    UNLEARNED: _Kind(
        "warning",
        "the chat template changes or leaves out {detail} ({rows}): objectives score it as it is in the data, and the "
        "policy learns what the template writes. Take another template, `model.chat_template=FILE`, or give that part "
        "in a key that the template reads",
    ),
    UNSCORED: _Kind(
        "info",
        "{detail} of responses is learned and not scored ({rows}): objectives read the content alone. Write it into "
        "the content to have it scored",
    ),
    ADDED_TO_ANSWERS: _Kind(
        "info",
        "the chat template adds {detail} to answers ({rows}): it is learned and not scored. Inputs of the template "
        "(column chat_template_kwargs) or another one (`model.chat_template=FILE`) may leave it out",
    ),
    ADDED_TO_PROMPTS: _Kind(
        "info",
        "the chat template adds text of its own to prompts, {detail} ({rows}). A system message in the data may "
        "replace it, and `model.chat_template=FILE` does",
    ),
    OPENING: _Kind(
        "warning",
        "the chat template opens an answer with {detail} when it is to be generated, and not when it is there "
        "({rows}): generation will begin with what was not learned. Give answers with their reasoning, inputs that "
        "turn it off (column chat_template_kwargs), or another template (`model.chat_template=FILE`)",
    ),
    CONTINUED: _Kind(
        "warning",
        "the last message of a prompt is the assistant's ({rows}): the response is a turn of its own behind it, not "
        "its continuation. To continue it, make both one message of the response",
    ),
    OTHER_SPEAKERS: _Kind(
        "info",
        "responses hold messages of other roles, {detail} ({rows}): the policy reads them, and they get no loss and "
        "no score",
    ),
    MERGED: _Kind(
        "info",
        "the end of the prompt and the beginning of a response share a token ({rows}): the prompt that is learned ends "
        "before it. To avoid it, put the blank or line break between them at the beginning of the response",
    ),
    EOS_ADDED: _Kind(
        "info",
        "the chat template does not end an answer with the tokenizer's end-of-sequence token ({rows}): it is appended, "
        "and generation stops there. Set the tokenizer's eos_token to the template's end of turn to stop at that",
    ),
    CONTROL_TOKENS: _Kind(
        "warning",
        "texts hold a control token, {detail} ({rows}): the policy reads it as such, so that it can end or "
        "forge a turn. Take it out of these texts, or write it in another way",
    ),
    PROMPT_REPEATED: _Kind(
        "warning",
        "responses begin with the text of their prompt ({rows}): the prompt stands there twice, and its copy is "
        "learned and scored. Take it off the responses; or, for pairs in plain text, remove the column of the prompt, "
        "so that what both responses begin with is the prompt",
    ),
    LOST_IN_TOKENS: _Kind(
        "warning",
        "texts do not come back from their tokens ({rows}): the tokenizer loses {detail}. Objectives score what the "
        "policy never sees. Take another tokenizer, or change these texts",
    ),
}

_EACH_BY_ITSELF = frozenset({DROPPED, UNLEARNED, UNSCORED, OTHER_SPEAKERS})
"""Kinds whose detail names a key or a role, so that each is told; of the others the first row's is told."""


def once_key(finding: DataFinding) -> str:
    """Return what is said once for all splits: the kind, and the detail where each is said by itself."""
    return noted(finding.kind, finding.detail if finding.kind in _EACH_BY_ITSELF else "")


def noted(kind: str, detail: str = "") -> str:
    """Return what is kept of one finding with a row."""
    return f"{kind}{_SEPARATOR}{detail}"


def count_findings(notes: Iterable[tuple[int, Sequence[str]]], of: int) -> tuple[DataFinding, ...]:
    """Return every finding once, in the order of :data:`_KINDS`.

    Args:
        notes: The number of each row that has findings, and what :func:`noted` made of them.
        of: Rows in all.
    """
    count, first = Counter[tuple[str, str]](), dict[tuple[str, str], tuple[int, str]]()
    for row, own in notes:
        seen = dict[tuple[str, str], str]()
        for note in own:
            kind, _, detail = note.partition(_SEPARATOR)
            seen.setdefault((kind, detail if kind in _EACH_BY_ITSELF else ""), detail)
        count.update(seen.keys())
        for key, detail in seen.items():
            first.setdefault(key, (row, detail))
    order = list(_KINDS)
    return tuple(
        _finding(kind, first[kind, key], count[kind, key], of)
        for kind, key in sorted(count, key=lambda found: (order.index(found[0]), found[1]))
    )


def _finding(kind: str, first: tuple[int, str], rows: int, of: int) -> DataFinding:
    row, detail = first
    where = f"{rows:,} of {of:,} rows, first row {row}"
    level, says = _KINDS[kind]
    return DataFinding(
        kind=kind,
        detail=detail,
        level=level,
        rows=rows,
        of=of,
        first_row=row,
        text=says.format(detail=detail, rows=where),
    )
