"""What of a row's text is left once its tokens were cut: what objectives score is what the policy learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.data.text_search import find_text, without_blanks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from upo_sdk.data.messages import Message
    from upo_sdk.data.rendering import Answer

__all__ = ["kept_messages"]


def kept_messages(response: Sequence[Message], whole: str, answers: Sequence[Answer], end: int) -> list[Message]:
    """Return the messages of a response as far as they stand in the first ``end`` characters of a whole.

    Of the message that is cut, the content keeps its beginning, and what a template writes behind the content goes.

    Args:
        response: The messages.
        whole: Prompt and response as one text.
        answers: Where the assistant's messages stand in it.
        end: Where the kept text ends.
    """
    return list(_kept(response, whole, {answer.message: answer.start for answer in answers}, end))


def _kept(response: Sequence[Message], whole: str, starts: dict[int, int], end: int) -> Iterator[Message]:
    place = 0
    for number, message in enumerate(response):
        place = starts.get(number, place)
        if place >= end and number:
            return
        content = (message["content"] or "").strip()
        found = find_text(content, whole, place)
        if found is None:  # the template wrote it differently: then that is what is learned
            yield {"role": message["role"], "content": whole[place:end].strip()}
            return
        if found[1] > end:
            yield {**_before_content(message), "content": _beginning(content, whole[found[0] : end])}
            return
        yield message
        place = found[1]


def _before_content(message: Message) -> Message:
    return {key: value for key, value in message.items() if key != "tool_calls"}


def _beginning(text: str, rendered: str) -> str:
    """Return as much of a text as a rendered beginning of it has, blanks aside."""
    if text.startswith(rendered):
        return rendered
    letters = len(without_blanks(rendered))
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    return text[: places[letters - 1] + 1] if letters else ""
