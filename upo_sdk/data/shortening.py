"""Encoded rows within their limits, as columns: the tokens that are left, and the text that is left of each part."""

from __future__ import annotations

import gc
import json
from bisect import bisect_left
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from upo_sdk.data.encoding import Encoded
from upo_sdk.data.messages import join_contents, spoken_text
from upo_sdk.data.problems import RowError
from upo_sdk.data.truncation import kept_messages, truncate, with_fewer_turns

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from upo_sdk.data.encoding import Encoder
    from upo_sdk.data.messages import Conversation, Message
    from upo_sdk.data.problems import Problems
    from upo_sdk.data.text_encoder import Ids
    from upo_sdk.data.truncation import Limits

__all__ = ["TokenColumns", "TokenRow", "Trained", "shorten_to_fit"]

Trained: TypeAlias = "Sequence[Sequence[int] | None] | None"
"""Per response, where runs of trained tokens begin and end, one after the other.

None for a response, or for a whole row, of which all tokens are trained.
"""


class TokenRow(NamedTuple):
    """The columns of one tokenised row.

    Attributes:
        prompt_ids: At least one token.
        response_ids: One list per response.
        response_token_counts: Tokens of each that are trained, without the final EOS.
        response_trained: Which of their tokens are trained.
        prompt_lost: Tokens that the prompt lost.
        responses_lost: Tokens that each response lost.
        identical: Whether the responses of a pair became the same.
        needed_length: For a row that does not fit, the ``max_length`` that it needs; else 0.
        kept_prompt: What is left of the prompt, or None if it is whole.
        kept_prompt_messages: The same as messages, JSON.
        kept_responses: What is left of each response, None for a whole one; None if all are whole. The text of EOS
            at its end goes too.
        kept_response_messages: The same as messages, JSON.
        findings: The :func:`~upo_sdk.data.findings.finding_key` of each finding, or None.
        bad: Source, column (or an empty text) and reason of a row that cannot be used, or None.
    """

    prompt_ids: Sequence[int] = ()
    response_ids: Sequence[Sequence[int]] = ()
    response_token_counts: Sequence[int] = ()
    response_trained: Trained = None
    prompt_lost: int = 0
    responses_lost: Sequence[int] = ()
    identical: bool = False
    needed_length: int = 0
    kept_prompt: str | None = None
    kept_prompt_messages: str | None = None
    kept_responses: Sequence[str | None] | None = None
    kept_response_messages: Sequence[str | None] | None = None
    findings: Sequence[str] | None = None
    bad: Sequence[str] | None = None


def _shortened(row: Encoded, encoder: Encoder, limits: Limits) -> TokenRow | RowError:
    """Return a row whose prompt, with any of its responses, has at most ``max_length`` tokens.

    A text loses its beginning, see :func:`~upo_sdk.data.truncation.truncate`. A conversation loses whole turns, the
    oldest first, and is rendered again; a row that does not fit even so is left out.
    """
    before = len(row.prompt)
    if row.conversation is None:
        prompt_ids, response_ids = truncate(row.prompt, row.responses, limits, bos=encoder.bos)
        kept_prompt = _kept_text(row, encoder, prompt_ids)
    else:
        left = _with_fewer_turns(row, row.conversation, encoder, limits)
        if isinstance(left, RowError):
            return left
        kept_prompt = _kept_turns(row, left)
        row, prompt_ids = left, left.prompt
        if len(prompt_ids) > limits.most_of_prompt:
            needed = len(prompt_ids) + max(map(len, row.responses))
            return TokenRow(needed_length=needed, responses_lost=[0] * len(row.responses))
        response_ids = [response[: limits.max_length - len(prompt_ids)] for response in row.responses]
    lost = [len(whole) - len(left) for whole, left in zip(row.responses, response_ids, strict=True)]
    texts = [
        _kept_response(row, encoder, which, len(ids)) if missing else _without_eos_text(row, encoder, which)
        for which, (ids, missing) in enumerate(zip(response_ids, lost, strict=True))
    ]
    cut = any(kept is not _WHOLE for kept in texts)
    return TokenRow(
        prompt_ids=prompt_ids,
        response_ids=response_ids,
        response_token_counts=[
            _trained_tokens(len(ids), trained) - (encoder.eos is not None and not missing)
            for ids, trained, missing in zip(response_ids, row.trained, lost, strict=True)
        ],
        response_trained=row.trained if any(row.trained) else None,
        prompt_lost=before - len(prompt_ids),
        responses_lost=lost,
        identical=len(response_ids) > 1 and response_ids[0] == response_ids[1],
        kept_prompt=kept_prompt.text,
        kept_prompt_messages=kept_prompt.messages,
        kept_responses=[kept.text for kept in texts] if cut else None,
        kept_response_messages=[kept.messages for kept in texts] if cut and row.conversation else None,
        findings=row.findings or None,
    )


def shorten_to_fit(
    messages: Sequence[Message], inputs: Mapping[str, Any], encoder: Encoder, room: int
) -> list[Message] | None:
    """Return a conversation without as many of its oldest turns as its generation prompt needs to fit.

    This is the rule for every prompt, in training and where answers are generated.

    Args:
        messages: The prompt.
        inputs: What else the template reads.
        encoder: Of conversations.
        room: Tokens that the prompt may have.

    Returns:
        The messages, or None if system message and last turn alone are too long.

    Raises:
        RowError: The template fails.
    """
    candidates = [list(messages), *with_fewer_turns(messages)]
    fewest = bisect_left(candidates, -room, key=lambda left: -len(encoder.prompt_ids(left, inputs)))
    return candidates[fewest] if fewest < len(candidates) else None


class _Kept(NamedTuple):
    """What is left of a prompt or a response, as text and as messages in JSON; None if it is whole."""

    text: str | None = None
    messages: str | None = None


_WHOLE = _Kept()


def _with_fewer_turns(row: Encoded, conversation: Conversation, encoder: Encoder, limits: Limits) -> Encoded | RowError:
    """Return the row without as many turns as have to go; without all that can go if that is not enough."""
    room = limits.room(max(map(len, row.responses)))
    if len(row.prompt) <= room:
        return row
    prompt, inputs = conversation.prompt, conversation.template_inputs
    try:
        kept = shorten_to_fit(prompt, inputs, encoder, room) or [list(prompt), *with_fewer_turns(prompt)][-1]
    except RowError as error:
        return error
    return row if kept == prompt else encoder.encode_conversation(conversation._replace(prompt=kept))


def _kept_turns(row: Encoded, left: Encoded) -> _Kept:
    if left is row or left.conversation is None:
        return _WHOLE
    messages = left.conversation.prompt
    return _Kept(join_contents(messages), json.dumps(messages))


def _kept_text(row: Encoded, encoder: Encoder, prompt_ids: Ids) -> _Kept:
    if len(prompt_ids) == len(row.prompt):
        return _WHOLE
    own = len(prompt_ids) - (prompt_ids[0] == encoder.bos)
    start = encoder.place_behind(row.wholes[0], row.first[0] - own)
    return _Kept(row.prompt_text[start:])


def _without_eos_text(row: Encoded, encoder: Encoder, which: int) -> _Kept:
    """Return what is left of a whole response in the data that ends with the text of EOS, which is no part of it."""
    conversation = row.conversation
    said = (conversation.responses[which][-1]["content"] or "") if conversation else row.wholes[which]
    if not encoder.eos_text or not said.rstrip().endswith(encoder.eos_text):
        return _WHOLE
    return _kept_response(row, encoder, which, len(row.responses[which]) - 1)


def _kept_response(row: Encoded, encoder: Encoder, which: int, tokens: int) -> _Kept:
    """Return what is left of a response of which some tokens are left."""
    whole = row.wholes[which]
    end = encoder.place_behind(whole, row.first[which] + tokens)
    if row.conversation is None or row.rendered is None:
        return _Kept(whole[len(row.prompt_text) : end]) if end < len(whole) else _WHOLE
    response = row.conversation.responses[which]
    messages = kept_messages(response, whole, row.rendered.answers[which], end)
    return _WHOLE if messages == response else _Kept(spoken_text(messages), json.dumps(messages))


def _trained_tokens(length: int, trained: Sequence[int] | None) -> int:
    if trained is None:
        return length
    places = [min(place, length) for place in trained]
    return sum(places[1::2]) - sum(places[::2])


@dataclass
class TokenColumns:
    """Adds the columns of :class:`TokenRow` to one table after the other; raises behind the last if a row was bad."""

    encoder: Encoder
    limits: Limits
    problems: Problems
    total: int
    on_progress: Callable[[int, int], None]
    done: int = 0

    def __call__(self, table: Any) -> Any:
        """Return an Arrow table with the columns of its tokens."""
        rows = table.select(["row", *self.encoder.columns]).to_pylist()
        with _no_garbage_collection():
            made = [self._row(row["row"], whole) for row, whole in zip(rows, self.encoder.encode(rows), strict=True)]
        self.done += len(rows)
        self.on_progress(self.done, self.total)
        if self.done == self.total:
            self.problems.raise_if_any(self.total, fix="correct or remove these rows")
        return _with_columns(table, made)

    def _row(self, number: int, whole: Encoded | RowError) -> TokenRow:
        if isinstance(whole, Encoded) and len(whole.responses) > 1 and whole.responses[0] == whole.responses[1]:
            alike = whole.conversation and whole.conversation.responses[0] != whole.conversation.responses[1]
            by_template = ": the chat template leaves out what makes them different" if alike else ""
            whole = RowError("responses", f"are the same tokens{by_template}")
        made = whole if isinstance(whole, RowError) else _shortened(whole, self.encoder, self.limits)
        if isinstance(made, RowError):
            bad = self.problems.add(number, made)
            return TokenRow(bad=(bad.source, bad.column or "", bad.reason))
        return made


def _with_columns(table: Any, rows: list[TokenRow]) -> Any:
    import pyarrow as pa

    ids, texts = pa.list_(pa.int32()), pa.list_(pa.string())
    types = {
        "prompt_ids": ids,
        "response_ids": pa.list_(ids),
        "response_token_counts": ids,
        "response_trained": pa.list_(ids),
        "prompt_lost": pa.int32(),
        "responses_lost": ids,
        "identical": pa.bool_(),
        "needed_length": pa.int32(),
        "kept_prompt": pa.string(),
        "kept_prompt_messages": pa.string(),
        "kept_responses": texts,
        "kept_response_messages": texts,
        "findings": texts,
        "bad": texts,
    }
    for name, values in zip(TokenRow._fields, zip(*rows, strict=True), strict=True):
        table = table.append_column(name, pa.array(values, types[name]))
    return table


@contextmanager
def _no_garbage_collection() -> Generator[None]:
    """Keep Python from looking for cycles among lists of numbers, which it does by walking all that is loaded."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
