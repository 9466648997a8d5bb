"""Find the prompt that both responses of a pair begin with, as TRL's ``extract_prompt`` does."""

from __future__ import annotations

from itertools import takewhile
from os.path import commonprefix
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from upo_sdk.data.messages import Message

__all__ = ["split_messages", "split_text"]

_TURN = "\n\nAssistant:"
"""How a turn of the assistant begins in Anthropic's HH transcripts."""


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
