"""From a row as the source has it to the one normalised form that everything else reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import takewhile
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

from upo_sdk.data.cells import check_no_messages, read_cells
from upo_sdk.data.context import read_template_inputs, with_context
from upo_sdk.data.messages import check_text, join_contents, read_messages, read_response, spoken_text
from upo_sdk.data.problems import RowError, is_nothing, kind_of
from upo_sdk.data.text_search import without_blanks

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from upo_sdk.data.messages import Message
    from upo_sdk.data.shapes import Shape

__all__ = ["NormalisedRow", "Reading", "split_messages", "split_text"]

NormalisedRow = dict[str, Any]

_DESIRABLE = {
    **dict.fromkeys(("true", "yes", "1", "1.0"), True),
    **dict.fromkeys(("false", "no", "0", "0.0"), False),
}
_SECOND_IS_BETTER = {"0": False, "0.0": False, "1": True, "1.0": True}

_stored = json.JSONEncoder(default=str).encode

_TURN = "\n\nAssistant:"
"""How a turn of the assistant begins in Anthropic's HH transcripts."""


class Reading:
    """How the rows of one source are read.

    Args:
        shape: Where a row's parts are.
        cells: The columns whose messages are written as text.
        sample: Rows; if the prompt or a response of most of them is messages, all rows are conversations.

    Attributes:
        overruled: Columns of the prompt whose text is not in the messages that the responses bring as their prompt,
            with the first row of each.
    """

    def __init__(self, shape: Shape, cells: frozenset[str], sample: Sequence[Mapping[str, Any]]) -> None:
        spoken = sum(
            any(isinstance(row.get(name), list | Mapping) for name in (*shape.responses, *shape.prompt))
            for row in sample
        )
        self.shape = shape
        self.conversational = bool(cells) or 2 * spoken > len(sample)
        self.overruled = dict[str, int]()
        self._cells = cells
        self._texts = frozenset({*shape.prompt, *shape.responses} - cells)

    @property
    def reads(self) -> frozenset[str]:
        """All columns that become part of a row: text, messages, label or what the chat template reads."""
        return self.shape.reads | (frozenset(self.shape.beside.values()) if self.conversational else frozenset())

    def normalise(self, number: int, row: Mapping[str, Any]) -> NormalisedRow:
        """Return a row as ``row, prompt, responses, desirable, extra``, with messages if it is conversational.

        Raises:
            RowError: A column is missing, empty or of the wrong type, or both responses are equal.
        """
        shape = self.shape
        for column in sorted(shape.columns - row.keys()):
            raise RowError(column, "is missing")
        check_no_messages(row, shape.in_order(self._texts))
        read = _opened(read_cells(row, self._cells) if self._cells else row, shape)
        parts = _conversation(read, shape) if self.conversational else _text(read, shape)
        if self.conversational:
            self._note_overruled(number, read, parts["prompt"])
        _check_different(parts["response_messages" if self.conversational else "responses"], shape)
        extra = {name: value for name, value in row.items() if name not in shape.reads}
        desirable = [True, False][: len(shape.responses)]
        normalised = {"row": number, **parts, "desirable": desirable, "extra": _stored(extra)}
        if shape.label is not None:
            _apply_label(normalised, row[shape.label], shape)
        return normalised

    def _note_overruled(self, number: int, row: Mapping[str, Any], prompt: str) -> None:
        for column in self.shape.prompt:
            text = row.get(column)
            if isinstance(text, str) and text not in prompt and without_blanks(text) not in without_blanks(prompt):
                self.overruled.setdefault(column, number)

    def describe(self, found: Collection[str]) -> str:
        """Return which columns were taken for what; ``found`` are the columns that any row has."""
        cells = " and ".join(f"'{column}'" for column in self.shape.in_order(self._cells))
        written = [f"{cells}: messages written as text"] if cells else []
        return ", ".join([*filter(None, [self.shape.describe(found, conversational=self.conversational)]), *written])


def _opened(row: Mapping[str, Any], shape: Shape) -> Mapping[str, Any]:
    """Return a row whose prompt is OpenAI's ``{"messages": ..., "tools": ...}`` with those in columns of their own."""
    column = shape.prompt[0] if shape.prompt else ""
    prompt = row.get(column)
    if not isinstance(prompt, Mapping) or "messages" not in prompt:
        return row
    tools = {shape.beside["tools"]: prompt["tools"]} if "tools" in prompt else {}
    return {**row, **tools, column: prompt["messages"]}


def _text(row: Mapping[str, Any], shape: Shape) -> NormalisedRow:
    responses = [check_text(row[column], column) for column in shape.responses]
    _check_different(responses, shape)
    if shape.prompt:
        prompt = _joined(_prompt_texts(row, shape))
    else:
        prompt, *responses = split_text(*responses)
    for column, response in zip(shape.responses, responses, strict=True):
        if not response.strip():
            raise RowError(
                column, "is empty" if shape.prompt else "is empty after the prompt that both responses share"
            )
    _check_shared(prompt, shape)
    context = [message["content"] or "" for message in with_context([], row, shape)]
    return {"prompt": _joined([*context, prompt]), "responses": responses}


def _joined(texts: list[str]) -> str:
    return "\n".join(text for text in texts if text) if len(texts) > 1 else texts[0]


def _prompt_texts(row: Mapping[str, Any], shape: Shape) -> list[str]:
    columns = [column for column in shape.prompt if column != shape.optional or not is_nothing(row.get(column))]
    return [check_text(row[column], column) for column in columns]


def _conversation(row: Mapping[str, Any], shape: Shape) -> NormalisedRow:
    prompt, responses = _split_conversation(row, shape)
    prompt = with_context(prompt, row, shape)
    return {
        "prompt": join_contents(prompt),
        "responses": [spoken_text(response) for response in responses],
        "prompt_messages": _stored(prompt),
        "response_messages": [_stored(response) for response in responses],
        "template_inputs": _stored(read_template_inputs(row, shape.beside)),
    }


def _split_conversation(row: Mapping[str, Any], shape: Shape) -> tuple[list[Message], list[list[Message]]]:
    if shape.whole:
        return _last_message_answers(row, shape)
    prompt_column = shape.prompt[0] if len(shape.prompt) == 1 else None
    if prompt_column is not None and not isinstance(row[prompt_column], str):
        prompt = read_messages(row[prompt_column], prompt_column)
        if not prompt:
            raise RowError(prompt_column, "has no messages")
        return prompt, _responses_behind(prompt, row, shape)
    if shape.kind == "unpaired":
        return _opening(row, shape), [read_response(row[column], column) for column in shape.responses]
    # a prompt in plain text is repeated as the first message of the responses (UltraFeedback)
    whole = [read_messages(_spoken(row[column]), column) for column in shape.responses]
    prompt, *rests = split_messages(*whole)
    if not prompt and shape.prompt:
        prompt = _opening(row, shape)
    if whole[0] != whole[1]:
        rests = [read_response(rest, column) for rest, column in zip(rests, shape.responses, strict=True)]
    _check_shared(prompt, shape)
    return prompt, rests


def _responses_behind(prompt: list[Message], row: Mapping[str, Any], shape: Shape) -> list[list[Message]]:
    """Return the responses without the messages of the prompt, if all of them repeat those."""
    found = [read_messages(_spoken(row[column]), column) for column in shape.responses]
    repeated = len(prompt) if all(messages[: len(prompt)] == prompt for messages in found) else 0
    return [read_response(messages[repeated:], column) for messages, column in zip(found, shape.responses, strict=True)]


def _last_message_answers(row: Mapping[str, Any], shape: Shape) -> tuple[list[Message], list[list[Message]]]:
    column, *others = shape.responses
    messages = read_messages(row[column], column)
    if len(messages) == 1:
        raise RowError(column, "has one message, not a prompt and an answer")
    return messages[:-1], [
        read_response(messages[-1:], column),
        *(read_response(_spoken(row[other]), other) for other in others),
    ]


def _spoken(response: object) -> object:
    """Return a response in plain text as the assistant's message."""
    return [{"role": "assistant", "content": response}] if isinstance(response, str) else response


def _opening(row: Mapping[str, Any], shape: Shape) -> list[Message]:
    return [{"role": "user", "content": _joined(_prompt_texts(row, shape))}]


def _check_different(responses: list[str], shape: Shape) -> None:
    if shape.kind == "pairs" and responses[0] == responses[1]:
        raise RowError(shape.responses[0], f"equals '{shape.responses[1]}'")


def _check_shared(prompt: str | list[Message], shape: Shape) -> None:
    if not prompt and not shape.prompt:
        raise RowError(
            shape.responses[0],
            f"and '{shape.responses[1]}' have no common beginning that could be the prompt, and "
            f"there is no column 'prompt'",
        )


def _apply_label(normalised: NormalisedRow, label: object, shape: Shape) -> None:
    assert shape.label is not None  # noqa: S101 - the caller asked
    if shape.kind == "unpaired":
        allowed = "true or false (also read: 1 and 0, yes and no)"
        normalised["desirable"] = [_read_label(label, _DESIRABLE, shape.label, allowed)]
        return
    if _read_label(label, _SECOND_IS_BETTER, shape.label, "0 or 1"):
        for name in ("responses", "response_messages"):
            if name in normalised:
                normalised[name] = normalised[name][::-1]


def _read_label(value: object, words: Mapping[str, bool], column: str, allowed: str) -> bool:
    """Return what a label means, which CSV holds as text.

    Raises:
        RowError: Nothing.
    """
    if isinstance(value, bool | int | float | str):
        found = words.get(str(value).strip().lower())
        if found is not None:
            return found
    plain = isinstance(value, str | int | float) and not isinstance(value, bool) and not is_nothing(value)
    raise RowError(column, f"is {repr(value) if plain else kind_of(value)}, not {allowed}")


def split_text(chosen: str, rejected: str) -> tuple[str, str, str]:
    """Return prompt, chosen and rejected.

    The prompt ends behind the last ``Assistant:`` that both share; in texts without such turns it ends with the last
    whole word that both share. A space belongs to the word behind it, a line break to the prompt.
    """
    shared = commonprefix([chosen, rejected])  # noqa: RUF071 - not paths
    turn = shared.rfind(_TURN)
    end = turn + len(_TURN) if turn >= 0 else _end_of_last_word(shared, chosen, rejected)
    return chosen[:end], chosen[end:], rejected[end:]


def split_messages(
    chosen: list[Message], rejected: list[Message]
) -> tuple[list[Message], list[Message], list[Message]]:
    """Return prompt, chosen and rejected; the prompt is the messages that both begin with."""
    shared = takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False))
    end = sum(1 for _ in shared)
    return chosen[:end], chosen[end:], rejected[end:]


def _end_of_last_word(shared: str, chosen: str, rejected: str) -> int:
    end = len(shared)
    behind = chosen[end : end + 1] + rejected[end : end + 1]
    if not all(character.isspace() for character in behind):
        while end and not shared[end - 1].isspace():
            end -= 1
    while end and shared[end - 1] == " ":
        end -= 1
    return end
