"""From a row as the source has it to the one normalised form that everything else reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from upo_sdk.data.implicit_prompt import split_messages, split_text
from upo_sdk.data.messages import check_text, join_contents, read_messages, read_response
from upo_sdk.data.problems import RowError, kind_of
from upo_sdk.data.template_inputs import TEMPLATE_COLUMNS, read_template_inputs

if TYPE_CHECKING:
    from upo_sdk.data.messages import Message
    from upo_sdk.data.shapes import Shape

__all__ = ["NormalisedRow", "is_conversational", "normalise_row"]

NormalisedRow = dict[str, Any]

_CSV_LABELS = {"true": True, "1": True, "false": False, "0": False}


def is_conversational(row: Mapping[str, Any], shape: Shape) -> bool:
    """Return whether the responses of a row are messages instead of text."""
    return isinstance(row.get(shape.responses[0]), list | Mapping)


def normalise_row(number: int, row: Mapping[str, Any], shape: Shape, *, conversational: bool) -> NormalisedRow:
    """Return a row as ``row, prompt, responses, desirable, extra``, with messages if it is conversational.

    Raises:
        RowError: A column is missing, empty or of the wrong type, or both responses are equal.
    """
    for column in sorted(shape.columns - row.keys()):
        raise RowError(column, "is missing")
    parts = _conversation(row, shape) if conversational else _text(row, shape)
    _check_different(parts["response_messages" if conversational else "responses"], shape)
    extra = {name: value for name, value in row.items() if name not in shape.columns}
    normalised = {"row": number, **parts, "desirable": [True, False], "extra": json.dumps(extra, default=str)}
    if shape.label is not None:
        _apply_label(normalised, row[shape.label], shape)
    return normalised


def _text(row: Mapping[str, Any], shape: Shape) -> NormalisedRow:
    responses = [check_text(row[column], column) for column in shape.responses]
    _check_different(responses, shape)
    if shape.prompt:
        texts = [check_text(row[column], column) for column in shape.prompt]
        prompt = "\n".join(text for text in texts if text) if len(texts) > 1 else texts[0]
    else:
        prompt, *responses = split_text(*responses)
    for column, response in zip(shape.responses, responses, strict=True):
        if not response.strip():
            raise RowError(column, "is empty" if shape.prompt else "is empty behind the prompt that both share")
    _check_shared(prompt, shape)
    return {"prompt": prompt, "responses": responses}


def _conversation(row: Mapping[str, Any], shape: Shape) -> NormalisedRow:
    prompt, responses = _split_conversation(row, shape)
    return {
        "prompt": join_contents(prompt),
        "responses": [join_contents(response) for response in responses],
        "prompt_messages": _stored(prompt),
        "response_messages": [_stored(response) for response in responses],
        "template_inputs": _stored(read_template_inputs(row, TEMPLATE_COLUMNS)),
    }


def _stored(value: Any) -> str:
    return json.dumps(value, default=str)


def _split_conversation(row: Mapping[str, Any], shape: Shape) -> tuple[list[Message], list[list[Message]]]:
    prompt_column = shape.prompt[0] if len(shape.prompt) == 1 else None
    if prompt_column is not None and not isinstance(row[prompt_column], str):
        prompt = read_messages(row[prompt_column], prompt_column)
        if not prompt:
            raise RowError(prompt_column, "has no messages")
        return prompt, [read_response(row[column], column) for column in shape.responses]
    if shape.kind == "unpaired":
        return _opening(row, shape), [read_response(row[column], column) for column in shape.responses]
    # a prompt in plain text is repeated as the first message of the responses (UltraFeedback)
    whole = [read_messages(row[column], column) for column in shape.responses]
    prompt, *rests = split_messages(*whole)
    if not prompt and shape.prompt:
        prompt = _opening(row, shape)
    if whole[0] != whole[1]:
        rests = [read_response(rest, column) for rest, column in zip(rests, shape.responses, strict=True)]
    _check_shared(prompt, shape)
    return prompt, rests


def _opening(row: Mapping[str, Any], shape: Shape) -> list[Message]:
    texts = [check_text(row[column], column) for column in shape.prompt]
    return [{"role": "user", "content": "\n".join(text for text in texts if text)}]


def _check_different(responses: list[str], shape: Shape) -> None:
    if shape.kind == "pairs" and responses[0] == responses[1]:
        raise RowError(shape.responses[0], f"equals '{shape.responses[1]}'")


def _check_shared(prompt: str | list[Message], shape: Shape) -> None:
    if not prompt and not shape.prompt:
        raise RowError(
            shape.responses[0], f"and '{shape.responses[1]}' share no beginning, and there is no column 'prompt'"
        )


def _apply_label(normalised: NormalisedRow, label: object, shape: Shape) -> None:
    assert shape.label is not None  # noqa: S101 - the caller asked
    if shape.kind == "pairs":
        if isinstance(label, bool) or label not in (0, 1):
            raise RowError(shape.label, f"is {label!r}, not 0 or 1")
        for name in ("responses", "response_messages"):
            if label == 1 and name in normalised:
                normalised[name] = normalised[name][::-1]
        return
    if isinstance(label, str):  # a cell of a CSV file has no other type
        label = _CSV_LABELS.get(label.lower(), label)
    if not isinstance(label, bool):
        raise RowError(shape.label, f"is {kind_of(label)}, not true or false")
    normalised["desirable"] = [label]
