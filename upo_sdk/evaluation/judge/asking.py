"""Questions to a judge: nothing is asked twice, and what came is kept."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from threading import Event
from typing import TYPE_CHECKING, Any, Protocol

from upo_sdk.cache import content_key
from upo_sdk.errors import CancelledError
from upo_sdk.evaluation.judge.questions import Reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from upo_sdk.cache import ContentCache
    from upo_sdk.events import CancelToken

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
        """Why it asks no further question; empty if it goes on."""
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
    cache: ContentCache,
    *,
    cancel: CancelToken | None = None,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
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
    found = {key: _unpacked(value) for key, value in cache.get(keys).items()}
    total, cached = len(set(keys)), len(found)
    missing = {key: question for key, question in zip(keys, questions, strict=True) if key not in found}
    on_progress(cached, total)
    stop, order = Event(), list(missing)
    new = dict[bytes, Reply]()
    for part in judge.replies(list(missing.values()), stop):
        came = {order[position]: reply for position, reply in part.items()}
        cache.put({key: _packed(reply) for key, reply in came.items() if reply.verdict})
        new |= came
        if cancel is not None and cancel.is_set():
            stop.set()
        on_progress(cached + len(new), total)
    if cancel is not None and cancel.is_set() and len(new) < len(missing):
        raise CancelledError(
            f"judging was stopped after {cached + len(new):,} of {total:,} questions",
            fix="run the same command again to resume: the verdicts that came are kept",
        )
    not_asked = Reply(failure="not asked", example=judge.stopped)
    found |= {key: new.get(key, not_asked) for key in missing}
    return Asked(
        replies=tuple(found[key] for key in keys), new=tuple(new.values()), cached=cached, stopped=judge.stopped
    )


def _packed(reply: Reply) -> bytes:
    return json.dumps({name: getattr(reply, name) for name in _KEPT}).encode()


def _unpacked(value: bytes) -> Reply:
    return replace(Reply(), **json.loads(value))
