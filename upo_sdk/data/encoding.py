"""One row as token ids, before any truncation: chat template, boundary between prompt and response, BOS and EOS."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from upo_sdk.data.chat_template import ChatTemplate
from upo_sdk.data.fidelity import FidelityCheck
from upo_sdk.data.findings import Kind, finding_key
from upo_sdk.data.messages import CONVERSATION_COLUMNS, Conversation, load_conversation
from upo_sdk.data.problems import RowError
from upo_sdk.data.rendering import render
from upo_sdk.data.text_check import RoundTrip, TextCheck
from upo_sdk.data.text_encoder import Ids, TextEncoder
from upo_sdk.data.text_search import common_length

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from transformers import PreTrainedTokenizerBase

    from upo_sdk.data.messages import Message
    from upo_sdk.data.rendering import Answer, Rendered

__all__ = ["Encoded", "Encoder"]

_TEMPLATE_TAIL = 4
"""Tokens behind EOS that may be the blank end of a chat template's turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """Token ids of one row, and the texts that they come from.

    Attributes:
        prompt: At least one token, the same for all responses.
        responses: At least one token each; the last one is EOS if the tokenizer has one.
        trained: Per response, where runs of tokens that are the model's own begin and end, one after the other; None
            if all are.
        findings: What the comparison of the rendered texts with the row found.
        prompt_text: The text of the prompt, whole.
        wholes: Prompt and response as one text, for each response.
        first: Per whole, how many of the tokenizer's tokens of it stand before the response.
        conversation: The messages, or None.
        rendered: Their texts, or None.
    """

    prompt: Ids
    responses: list[Ids]
    trained: list[list[int] | None]
    findings: list[str]
    prompt_text: str
    wholes: Sequence[str]
    first: list[int]
    conversation: Conversation | None
    rendered: Rendered | None


class Encoder:
    """Turns normalised rows into token ids.

    Args:
        tokenizer: The policy's.
        conversational: Whether rows are messages, which go through the chat template.
        on_date: What the chat template takes for today.

    Raises:
        ModelError: Rows are messages and the tokenizer has no chat template, or several and no default.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, *, conversational: bool, on_date: date | None = None
    ) -> None:
        self.template = ChatTemplate(tokenizer, on_date) if conversational else None
        self.bos = _token_id(tokenizer.bos_token_id)
        self.eos = _token_id(tokenizer.eos_token_id)
        self.eos_text = "" if self.eos is None else str(tokenizer.eos_token)
        self._check = FidelityCheck(tokenizer, self.template) if self.template else None
        self._text_check = TextCheck(tokenizer)
        self._round_trip = RoundTrip(tokenizer)
        self._tokenizer = tokenizer
        self._blank_tails = dict[tuple[int, ...], bool]()
        # A chat template writes special tokens itself.
        self._texts = TextEncoder(tokenizer, add_special_tokens=not conversational)
        self.columns = CONVERSATION_COLUMNS if conversational else ("prompt", "responses")

    def encode(self, rows: Sequence[Mapping[str, Any]]) -> list[Encoded | RowError]:
        """Return the token ids of every row, or why it has none."""
        return self._encode([self._texts_of(row) for row in rows])

    def encode_conversation(self, conversation: Conversation) -> Encoded | RowError:
        """Return the token ids of one conversation, or why it has none."""
        return self._encode([self._rendered(conversation)])[0]

    def prompt_ids(self, messages: Sequence[Message], inputs: Mapping[str, Any]) -> Ids:
        """Return the ids that an answer to messages is generated from.

        Raises:
            RowError: The template fails.
        """
        assert self.template is not None  # noqa: S101 - there are messages
        text = self.template.render(messages, inputs, add_generation_prompt=True)
        return self._with_single_bos(self._texts.encode([[text]])[0][0])[0]

    def place_behind(self, text: str, count: int) -> int:
        """Return how many characters of a text the first ``count`` of its tokens hold."""
        return self._texts.place_behind(text, count)

    def _encode(self, rows: Sequence[_Texts | RowError]) -> list[Encoded | RowError]:
        encoded = iter(self._texts.encode([row.all_texts() for row in rows if isinstance(row, _Texts)]))
        return [row if isinstance(row, RowError) else self._assembled(row, next(encoded)) for row in rows]

    def _texts_of(self, row: Mapping[str, Any]) -> _Texts | RowError:
        if self.template is None:
            prompt: str = row["prompt"]
            return _Texts(prompt=prompt, wholes=[prompt + response for response in row["responses"]])
        return self._rendered(load_conversation(row))

    def _rendered(self, conversation: Conversation) -> _Texts | RowError:
        assert self.template is not None  # noqa: S101 - the caller has messages
        try:
            rendered = render(self.template, conversation)
        except RowError as error:
            return error
        return _Texts(prompt=rendered.prompt, wholes=rendered.wholes, conversation=conversation, rendered=rendered)

    def _assembled(self, texts: _Texts, ids: list[Ids]) -> Encoded | RowError:
        try:
            return self._assemble(texts, ids)
        except RowError as error:
            return error

    def _assemble(self, texts: _Texts, ids: list[Ids]) -> Encoded:
        single = [self._with_single_bos(own) for own in ids]
        encoded = [own for own, _ in single]
        count = len(texts.wholes)
        prompt, wholes, cuts = encoded[0], encoded[1 : count + 1], iter(encoded[count + 1 :])
        end = common_length([prompt, *wholes])
        responses = [self._with_single_eos(whole[end:]) for whole in wholes]
        trained = [
            self._trained(answers, whole, cuts, end, len(response))
            for answers, whole, response in zip(texts.answers(), wholes, responses, strict=True)
        ]
        if not all(responses):
            raise RowError("responses", "one has no tokens")
        return Encoded(
            prompt=prompt[:end] or self._stand_in(),
            responses=responses,
            trained=trained,
            findings=[
                *self._findings(texts, [whole[end:] for whole in wholes], moved=end < len(prompt)),
                *self._findings_in_texts(texts, responses),
                *self._round_trip.of(texts.given(), texts.wholes, wholes),
            ],
            prompt_text=texts.prompt,
            wholes=texts.wholes,
            first=[end + doubled for _, doubled in single[1 : count + 1]],
            conversation=texts.conversation,
            rendered=texts.rendered,
        )

    def _findings(self, texts: _Texts, responses: list[Ids], *, moved: bool) -> list[str]:
        if self._check is None or texts.rendered is None or texts.conversation is None:
            return [finding_key(Kind.MERGED)] if moved else []
        found = self._check.of(texts.conversation, texts.rendered)
        if moved and texts.rendered.opened:
            found.append(finding_key(Kind.MERGED))
        if self.eos is not None and any(self.eos not in response[-1 - _TEMPLATE_TAIL :] for response in responses):
            found.append(finding_key(Kind.EOS_ADDED))
        return found

    def _findings_in_texts(self, texts: _Texts, responses: list[Ids]) -> list[str]:
        if texts.conversation is None:
            return self._text_check.of_texts(texts.prompt, [whole[len(texts.prompt) :] for whole in texts.wholes])
        one_answer = all(len(answers) == 1 for answers in texts.answers())
        closed = not one_answer or all(self.eos not in response[:-1] for response in responses)
        return self._text_check.of_messages(texts.conversation, closed=closed)

    def _stand_in(self) -> Ids:
        found = self.eos if self.bos is None else self.bos
        if found is None:
            raise RowError("prompt", "has no tokens, and the tokenizer has neither BOS nor EOS to stand in")
        return [found]

    def _trained(
        self, answers: Sequence[Answer], whole: Ids, cuts: Iterator[Ids], prompt_end: int, length: int
    ) -> list[int] | None:
        """Return the runs of a response's tokens that are the model's own; ``cuts`` end where inner runs do."""
        if len(answers) < 2:  # noqa: PLR2004 - one answer is the whole response
            return None
        inner = [common_length([whole, next(cuts)]) for _ in range(2 * len(answers) - 2)]
        places = [prompt_end, *inner, prompt_end + length]
        for at in range(1, len(places) - 1, 2):
            places[at] = self._behind_eos(whole, places[at - 1], places[at])
        if sorted(places) != places:
            raise RowError("messages", "have turns that share tokens")
        return [place - prompt_end for place in places]

    def _behind_eos(self, ids: Ids, start: int, end: int) -> int:
        """Return where a run ends without the blanks that a template writes behind EOS, which nobody generates."""
        for at in range(end - 1, max(start, end - 1 - _TEMPLATE_TAIL) - 1, -1):
            if ids[at] == self.eos and self._is_blank(ids[at + 1 : end]):
                return at + 1
        return end

    def _with_single_bos(self, ids: Ids) -> tuple[Ids, int]:
        doubled = 0
        while ids[doubled : doubled + 2] == [self.bos, self.bos]:
            doubled += 1
        return ids[doubled:], doubled

    def _with_single_eos(self, response: Ids) -> Ids:
        if self.eos is None:
            return response
        for at in range(len(response) - 1, max(-1, len(response) - 1 - _TEMPLATE_TAIL), -1):
            if response[at] == self.eos and self._is_blank(response[at + 1 :]):
                response = response[:at]
        return [*response, self.eos]

    def _is_blank(self, tail: Ids) -> bool:
        key = tuple(tail)
        if key not in self._blank_tails:
            rest = [token for token in tail if token != self.eos]
            self._blank_tails[key] = not rest or not str(self._tokenizer.decode(rest)).strip()
        return self._blank_tails[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Texts:
    """The texts of one row, before they are tokenised."""

    prompt: str
    wholes: list[str]
    conversation: Conversation | None = None
    rendered: Rendered | None = None

    def answers(self) -> list[list[Answer]]:
        """Return what of every whole is the model's own; nothing where the rows are no messages."""
        return self.rendered.answers if self.rendered else [[] for _ in self.wholes]

    def given(self) -> list[list[str]]:
        """Return for each whole what the data say in it."""
        if self.conversation is None:
            return [[whole] for whole in self.wholes]
        prompt, responses = self.conversation.prompt, self.conversation.responses
        return [[message["content"] or "" for message in (*prompt, *response)] for response in responses]

    def all_texts(self) -> list[str]:
        """Return the prompt, the wholes, and the beginnings of wholes that end where the speaker changes."""
        cuts = [
            whole[:place]
            for whole, answers in zip(self.wholes, self.answers(), strict=True)
            for before, after in pairwise(answers)
            for place in (before.end, after.start)
        ]
        return [self.prompt, *self.wholes, *cuts]


def _token_id(found: object) -> int | None:
    return found if isinstance(found, int) else None
