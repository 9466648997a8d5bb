"""Conversations as the template writes them: the prompt, every whole, and which part of a whole is the model's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from upo_sdk.data.problems import RowError
from upo_sdk.data.text_search import common_length

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upo_sdk.data.chat_template import ChatTemplate
    from upo_sdk.data.messages import Conversation, Message

__all__ = ["Answer", "Rendered", "render"]

_ENOUGH_TO_TELL = 20
"""Characters that are compared before all are, because that copies them."""


class Answer(NamedTuple):
    """One message of the assistant in the text of a whole conversation.

    Attributes:
        message: Its number in the response.
        start: Where the text begins that the model writes: behind what the template opens an answer with.
        end: Where the model's text ends, the template's end of turn included.
    """

    message: int
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The texts of one row.

    Attributes:
        prompt: The messages of the prompt, and what the template opens an answer with.
        wholes: Prompt and response as one text, for each response.
        answers: For each response, what of its whole is the model's own.
        opened: Whether every answer begins behind all that the template opens an answer with.
    """

    prompt: str
    wholes: list[str]
    answers: list[list[Answer]]
    opened: bool


def render(template: ChatTemplate, conversation: Conversation) -> Rendered:
    """Render one row.

    The texts of other speakers inside a response are found by rendering the conversation up to every message. A
    template that writes what was said differently once more was said leaves no such place: the row is refused.

    Raises:
        RowError: The template fails, renders nothing, or does not keep to what it wrote before.
    """
    return _Row(template, conversation).rendered()


class _Row:
    def __init__(self, template: ChatTemplate, conversation: Conversation) -> None:
        self._template = template
        self._conversation = conversation
        self._opened = True

    def rendered(self) -> Rendered:
        prompt = self._text([], opens_answer=True)
        wholes = [self._text(response) for response in self._conversation.responses]
        if not all(whole.strip() for whole in wholes):
            raise RowError("messages", "the tokenizer's chat template renders nothing of them")
        answers = [
            self._answers(response, whole, prompt)
            for response, whole in zip(self._conversation.responses, wholes, strict=True)
        ]
        return Rendered(prompt=prompt, wholes=wholes, answers=answers, opened=self._opened)

    def _text(self, said: Sequence[Message], *, opens_answer: bool = False) -> str:
        messages = [*self._conversation.prompt, *said]
        if not messages:
            return ""
        inputs = self._conversation.template_inputs
        return self._template.render(messages, inputs, add_generation_prompt=opens_answer)

    def _answers(self, response: Sequence[Message], whole: str, prompt: str) -> list[Answer]:
        found = list[Answer]()
        for number, message in enumerate(response):
            if message["role"] != "assistant":
                continue
            said = response[:number]
            before = self._text(said, opens_answer=True) if number else prompt
            start = self._begin(said, before, whole)
            end = self._end(response, number, whole, start)
            found.append(Answer(number, start, end))
        return found

    def _begin(self, said: Sequence[Message], before: str, whole: str) -> int:
        """Return how far a whole is what the template writes before an answer."""
        if whole.startswith(before):
            return len(before)
        self._opened = False
        shared = common_length([before, whole])
        if shared < len(self._open_ended(said)):
            raise RowError(
                "messages",
                "the tokenizer's chat template writes the messages before an answer differently once the answer is "
                f"there, {_around(whole, shared)!r} where it wrote {_around(before, shared)!r}: take a template that "
                "does not, `model.chat_template=FILE`",
            )
        return shared

    def _open_ended(self, said: Sequence[Message]) -> str:
        """Return messages without what a template writes behind the last one of a conversation."""
        return self._text(said).rstrip().removesuffix(self._template.eos)

    def _end(self, response: Sequence[Message], number: int, whole: str, start: int) -> int:
        """Return where an answer ends: at the end of a whole, or in front of the next speaker."""
        if number == len(response) - 1:
            return len(whole)
        said = response[: number + 1]
        for until in (self._text(said), self._open_ended(said)):
            if whole.startswith(until):
                return len(until)
            length = _length_without_beginning(until, whole, start)
            content = (response[number]["content"] or "").strip()
            if length and content in whole[start : start + length]:
                return start + length
        raise RowError(
            "messages",
            f"the tokenizer's chat template writes message {number + 1} of a response differently once more was said, "
            "so that its end is not to be found: put all but the last answer into the prompt",
        )


def _length_without_beginning(until: str, whole: str, start: int) -> int:
    """Return how long a turn is in a whole that lacks its beginning: finished turns may lose their reasoning."""
    if until[:start] != whole[:start]:
        return 0
    for at in range(start, len(until)):
        begins = whole.startswith(until[at : at + _ENOUGH_TO_TELL], start)
        if begins and whole.startswith(until[at:], start) and until[at:].strip():
            return len(until) - at
    return 0


def _around(text: str, place: int) -> str:
    return text[max(0, place - 10) : place + 20]
