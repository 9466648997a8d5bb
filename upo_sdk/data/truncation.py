"""The truncation rules: a prompt loses its beginning, then a response its end; conversations lose whole turns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upo_sdk.data.text_search import find_text, without_blanks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from upo_sdk.data.messages import Message
    from upo_sdk.data.rendering import Answer
    from upo_sdk.data.text_encoder import Ids

__all__ = ["Limits", "TruncationReport", "kept_messages", "truncate", "with_fewer_turns"]

_INSTRUCTING = frozenset({"system", "developer"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long a row may be, in tokens.

    Attributes:
        max_length: Of prompt and response together, at least two.
        max_prompt_length: Of the prompt, at least one and less than ``max_length``, or None.
    """

    max_length: int
    max_prompt_length: int | None

    def room(self, longest: int) -> int:
        """Return how many tokens a prompt may have beside a response, at least one."""
        return max(1, min(self.max_length - longest, self.max_prompt_length or self.max_length))

    @property
    def most_of_prompt(self) -> int:
        """How many tokens a prompt may have at most, so that there is room for something behind it."""
        return min(self.max_length - 1, self.max_prompt_length or self.max_length)

    def fix(self, needed: int) -> str:
        """Return what to set so that a row of ``needed`` tokens is whole."""
        return f"`data.max_length={needed}`" + (" without `data.max_prompt_length`" if self.max_prompt_length else "")

    def describe(self) -> str:
        """Return the limits as they are set."""
        prompt = f", `data.max_prompt_length={self.max_prompt_length}`" if self.max_prompt_length else ""
        return f"`data.max_length={self.max_length}`{prompt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncationReport:
    """What the limits on length changed.

    Attributes:
        rows: Rows in all.
        responses: Responses in all.
        prompts_shortened: Rows whose prompt lost its beginning: tokens of a text, whole turns of a conversation.
        responses_shortened: Responses that lost their end, and with it the end-of-sequence token.
        tokens_dropped: Tokens lost in all; those of a prompt count once per row.
        pairs_left_out: Pairs that truncation made identical.
        rows_left_out: Conversations whose system message and last turn leave no room for a response.
        fix: What to set so that none of these is left out.
        conversational: Whether rows are conversations.
    """

    rows: int
    responses: int
    prompts_shortened: int
    responses_shortened: int
    tokens_dropped: int
    pairs_left_out: int
    rows_left_out: int = 0
    fix: str = ""
    conversational: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything is not as in the data."""
        return bool(self.tokens_dropped or self.rows_left_out)

    def describe(self) -> str:
        """Return one sentence."""
        if not self.changed:
            return "nothing was truncated"
        lost = "oldest turns" if self.conversational else "beginning"
        said = (
            f"truncated: {self.prompts_shortened:,} of {self.rows:,} prompts lost their {lost}, "
            f"{self.responses_shortened:,} of {self.responses:,} responses their end ({self.tokens_dropped:,} tokens)"
        )
        if self.responses_shortened:
            said += "; objectives score the shortened text"
        if self.pairs_left_out:
            said += f"; {self.pairs_left_out:,} pairs became identical and are left out"
        if self.rows_left_out:
            said += (
                f"; {self.rows_left_out:,} rows are left out, because their system message and last turn alone are too "
                f"long: {self.fix} would fit them"
            )
        return said


def truncate(prompt: Ids, responses: Sequence[Ids], limits: Limits, *, bos: int | None = None) -> tuple[Ids, list[Ids]]:
    """Return the prompt and the responses so that the prompt with any one of them has at most ``max_length`` tokens.

    The prompt is the same for all responses of a row, so the longest one decides. It keeps at least one token, its
    last; if it begins with ``bos`` and two or more remain, ``bos`` stays the first. Every response keeps at least one.

    Args:
        prompt: Token ids, at least one.
        responses: Token ids, at least one each.
        limits: How long they may be.
        bos: The beginning-of-sequence token.
    """
    keep = min(len(prompt), limits.room(max(map(len, responses))))
    return _keep_end(prompt, keep, bos), [response[: limits.max_length - keep] for response in responses]


def with_fewer_turns(messages: Sequence[Message]) -> list[list[Message]]:
    """Return the conversations that are left when whole turns go, the oldest first; the first of them lost one turn.

    A turn is a message of the user with all that follows it up to the next one, so roles still alternate. System
    messages at the beginning stay, and so does the last turn.
    """
    roles = [message["role"] for message in messages]
    start = next((place for place, role in enumerate(roles) if role not in _INSTRUCTING), len(roles))
    turns = [place for place in range(start + 1, len(roles)) if roles[place] == "user"]
    return [[*messages[:start], *messages[turn:]] for turn in turns]


def _keep_end(prompt: Ids, keep: int, bos: int | None) -> Ids:
    if keep == len(prompt):
        return prompt
    if keep > 1 and prompt[0] == bos:
        return [prompt[0], *prompt[len(prompt) - keep + 1 :]]
    return prompt[len(prompt) - keep :]


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
            before = {key: value for key, value in message.items() if key != "tool_calls"}
            yield {**before, "content": _beginning(content, whole[found[0] : end])}
            return
        yield message
        place = found[1]


def _beginning(text: str, rendered: str) -> str:
    """Return as much of a text as a rendered beginning of it has, blanks aside."""
    if text.startswith(rendered):
        return rendered
    letters = len(without_blanks(rendered))
    places = [place for place, letter in enumerate(text) if not letter.isspace()]
    return text[: places[letters - 1] + 1] if letters else ""
