"""Questions to a judge: nothing is asked twice, and what came is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from upo_sdk.cache import content_key
from upo_sdk.evaluation.judge.questions import Reply
from upo_sdk.events import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from upo_sdk.context import RunContext
    from upo_sdk.ranks import Ranks

__all__ = ["Asked", "QuestionJudge", "ask"]

_KEPT = ("verdict", "prompt_tokens", "completion_tokens", "mass")


class QuestionJudge(Protocol):
    """Answers questions about two answers."""

    @property
    def identity(self) -> Mapping[str, Any]:
        """What a verdict depends on besides the question; never a key."""
        ...

    @property
    def requests(self) -> int:
        """How much was asked for so far."""
        ...

    @property
    def stopped(self) -> str:
        """Why it asks no further question; empty if it continues."""
        ...

    def replies(self, questions: Sequence[str], stop: Event, /) -> Iterator[Mapping[int, Reply]]:
        """Yield replies by the position of their question, in parts, perhaps empty ones; end early once stopped."""
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Replies to all questions, in order.

    Attributes:
        new: Those that were not known before, without repetitions.
        cached: Questions whose verdict was known, without repetitions.
        stopped: Why no further question was asked; empty if all were.
    """

    replies: tuple[Reply, ...]
    new: tuple[Reply, ...]
    cached: int
    stopped: str


def ask(
    judge: QuestionJudge,
    questions: Sequence[str],
    context: RunContext,
) -> Asked:
    """Ask what is not known yet.

    Every verdict is stored as it comes, under a hash of the judge's identity and the question. What failed is not, and
    is asked again next time.

    Raises:
        CancelledError: The caller asked to stop; what came is kept.
        JudgeError: The judge refuses every question.
    """
    identity = judge.identity
    keys = [content_key("judge", 1, identity, question) for question in questions]
    stop, new = Event(), dict[bytes, Reply]()

    def asked(missing: Sequence[int], ranks: Ranks) -> Iterator[dict[int, bytes | None]]:
        missing = ranks.share(missing)
        for part in judge.replies([questions[place] for place in missing], stop):
            came = {missing[number]: reply for number, reply in part.items()}
            new.update({keys[place]: reply for place, reply in came.items()})
            yield {place: _packed(reply) if reply.verdict else None for place, reply in came.items()}
            if context.is_cancelled:
                stop.set()

    def on_progress(done: int, total: int) -> None:
        context.emit(Progress("judging", done, total, "questions"))

    filled = context.cache.fill(keys, asked, on_progress, kind="verdicts")
    total = len(set(keys))
    done = filled.found + filled.computed
    if done < total:
        context.check_cancelled(f"judging, {done:,} of {total:,} questions done")
    not_asked = Reply(failure="not asked", example=judge.stopped)
    known = {key: _unpacked(value) for key, value in context.cache.get(keys).items()} | new
    return Asked(
        replies=tuple(known.get(key, not_asked) for key in keys),
        new=tuple(new.values()),
        cached=filled.found,
        stopped=judge.stopped,
    )


def _packed(reply: Reply) -> bytes:
    return json.dumps({name: getattr(reply, name) for name in _KEPT}).encode()


def _unpacked(value: bytes) -> Reply:
    return replace(Reply(), **json.loads(value))
