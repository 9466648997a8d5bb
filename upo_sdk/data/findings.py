"""Where what the user wrote, what objectives score and what the policy learns are not the same: counted, in words."""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, Literal, NamedTuple

from upo_sdk.records import DataFinding

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from upo_sdk.data.problems import Parts

__all__ = ["Kind", "count_findings", "finding_key", "once_key"]

_SEPARATOR = "\t"


class _Sentence(NamedTuple):
    level: Literal["info", "warning"]
    text: str
    """With ``{detail}`` and ``{rows}``."""


class Kind(Enum):
    """What can differ, and what is said of it."""

    DROPPED = _Sentence(
        "warning",
        "the chat template leaves out {detail} ({rows}): the policy never sees it. Use a template that writes it, "
        "`model.chat_template=FILE`, or remove it from the data",
    )
    UNLEARNED = _Sentence(
        "warning",
        "the chat template changes or leaves out {detail} ({rows}): objectives score it as it is in the data, and the "
        "policy learns what the template writes. Use another template, `model.chat_template=FILE`, or put that part "
        "into a key that the template reads",
    )
    UNSCORED = _Sentence(
        "info",
        "{detail} of responses is learned but not scored ({rows}): objectives read only the content. Write it into "
        "the content to have it scored",
    )
    ADDED_TO_ANSWERS = _Sentence(
        "info",
        "the chat template adds {detail} to answers ({rows}): it is learned but not scored. Inputs of the template "
        "(column chat_template_kwargs) or another one (`model.chat_template=FILE`) may leave it out",
    )
    ADDED_TO_PROMPTS = _Sentence(
        "info",
        "the chat template adds text to prompts, {detail} ({rows}). A system message in the data may "
        "replace it, and `model.chat_template=FILE` does",
    )
    OPENING = _Sentence(
        "warning",
        "the chat template starts an answer with {detail} for generation, but not in the training data ({rows}): "
        "generated answers will start with text that was not learned. Add the reasoning to the answers, set inputs "
        "that turn it off (column chat_template_kwargs), or use another template (`model.chat_template=FILE`)",
    )
    CONTINUED = _Sentence(
        "warning",
        "the last message of a prompt is the assistant's ({rows}): the response is a separate turn after it, not "
        "its continuation. To continue the message, write both as one message of the response",
    )
    OTHER_SPEAKERS = _Sentence(
        "info",
        "responses hold messages of other roles, {detail} ({rows}): the policy reads them, but they have no loss and "
        "no score",
    )
    MERGED = _Sentence(
        "info",
        "the end of the prompt and the start of a response share a token ({rows}): this token counts as part of the "
        "response. To avoid this, put the blank or line break between them at the beginning of the response",
    )
    EOS_ADDED = _Sentence(
        "info",
        "the chat template does not end an answer with the tokenizer's end-of-sequence token ({rows}): it is appended, "
        "and generation stops there. To stop at the template's end of turn, make that the tokenizer's eos_token",
    )
    CONTROL_TOKENS = _Sentence(
        "warning",
        "texts contain a control token, {detail} ({rows}): the policy reads it as one, so it can end or "
        "fake a turn. Remove it from these texts, or write it in another way",
    )
    PROMPT_REPEATED = _Sentence(
        "warning",
        "responses begin with the text of their prompt ({rows}): the policy reads the prompt twice, and the copy is "
        "learned and scored. Remove it from the responses; or, for pairs in plain text, remove the prompt column: the "
        "common beginning of both responses is then the prompt",
    )
    LOST_IN_TOKENS = _Sentence(
        "warning",
        "decoding the tokens does not give the text back ({rows}): the tokenizer loses {detail}. Objectives score text "
        "that the policy never sees. Use another tokenizer, or change these texts",
    )

    @property
    def key(self) -> str:
        """What records call it."""
        return self.name.lower()


_REPORTED_PER_DETAIL = frozenset(
    kind.key for kind in (Kind.DROPPED, Kind.UNLEARNED, Kind.UNSCORED, Kind.OTHER_SPEAKERS)
)
"""Kinds whose detail names a key or a role, so that each is reported; of the others, the first row's."""


def once_key(finding: DataFinding) -> str:
    """Return the key under which a finding is reported once for all splits: its kind, and the detail of some kinds."""
    return f"{finding.kind}{_SEPARATOR}{finding.detail if finding.kind in _REPORTED_PER_DETAIL else ''}"


def finding_key(kind: Kind, detail: str = "") -> str:
    """Return the kind and the detail of one finding as text, which is stored with its row."""
    return f"{kind.key}{_SEPARATOR}{detail}"


def count_findings(notes: Iterable[tuple[int, Sequence[str]]], of: int, parts: Parts) -> tuple[DataFinding, ...]:
    """Return every finding once, in the order of :class:`Kind`.

    Args:
        notes: The number of each row that has findings, and the :func:`finding_key` of each finding.
        of: Rows in all.
        parts: Where the rows are from.
    """
    count, first = Counter[tuple[str, str]](), dict[tuple[str, str], tuple[int, str]]()
    for row, own in notes:
        seen = dict[tuple[str, str], str]()
        for note in own:
            kind, _, detail = note.partition(_SEPARATOR)
            seen.setdefault((kind, detail if kind in _REPORTED_PER_DETAIL else ""), detail)
        count.update(seen.keys())
        for key, detail in seen.items():
            first.setdefault(key, (row, detail))
    order = [kind.key for kind in Kind]
    found = sorted(count, key=lambda key: (order.index(key[0]), key[1]))
    return tuple(_finding(key[0], *first[key], count[key], of, parts) for key in found)


def _finding(kind: str, row: int, detail: str, rows: int, of: int, parts: Parts) -> DataFinding:
    level, text = Kind[kind.upper()].value
    said = text.format(detail=detail, rows=f"{rows:,} of {of:,} rows, first {parts.name_row(row)}")
    first_row = parts.locate(row)[1]
    return DataFinding(kind=kind, detail=detail, level=level, rows=rows, of=of, first_row=first_row, text=said)
