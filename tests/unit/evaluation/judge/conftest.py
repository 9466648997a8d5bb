"""An OpenAI-compatible endpoint on this machine, with faults to order."""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from serving import Answer, serving

from upo_sdk.cache import ContentCache
from upo_sdk.config import JudgeConfig
from upo_sdk.evaluation.judge import judge_answers
from upo_sdk.events import Notice

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from upo_sdk.evaluation.judge import WinRate
    from upo_sdk.events import Event

KEY = "hunter2-correct-horse-battery"

PROMPTS = [f"prompt {number}" for number in range(10)]
MINE = ["a good answer"] * 6 + ["an answer"] * 4
OTHERS = ["some answer"] * 7 + ["a good one"] * 3
"""A judge who likes 'good' sees 6 wins, 1 tie and 3 losses."""

_PARTS = re.compile(
    r"^----- \w+ request -----\n(.*)\n----- \w+ answer A -----\n(.*)\n"
    r"----- \w+ answer B -----\n(.*)\n----- \w+ end -----$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True)
class Asked:
    """One question as the judge sees it; ``attempt`` counts how often it came."""

    prompt: str
    first: str
    second: str
    attempt: int
    number: int


def says(text: Any, *, usage: Any = (120, 1), **more: Any) -> Answer:
    """Return a chat completion with this content."""
    content: dict[str, Any] = {"object": "chat.completion", "choices": [{"index": 0, "message": {"content": text}}]}
    if usage:
        content["usage"] = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
    return Answer(headers={"Content-Type": "application/json"}, body=json.dumps({**content, **more}).encode())


def prefers_good(asked: Asked) -> Answer:
    """Prefer the answer that has the word ``good``."""
    first, second = "good" in asked.first, "good" in asked.second
    return says("A" if first > second else "B" if second > first else "tie")


def prefers_longer(asked: Asked) -> Answer:
    """Prefer the longer answer, and nothing else."""
    return says("A" if len(asked.first) > len(asked.second) else "B")


@dataclass
class Endpoint:
    """The endpoint, and what it was asked."""

    respond: Callable[[Asked], Answer] = prefers_good
    url: str = ""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    attempts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        """Count a request and answer it."""
        asked = json.loads(body)
        question = asked["messages"][0]["content"]
        with self.lock:
            self.paths.append(path)
            self.bodies.append(asked)
            self.headers.append(headers)
            self.attempts[question] += 1
            attempt, number = self.attempts[question], len(self.bodies)
        found = _PARTS.search(question)
        assert found is not None
        return self.respond(Asked(found[1], found[2], found[3], attempt, number))

    def config(self, **settings: Any) -> JudgeConfig:
        """Return the settings of a quick judge behind this endpoint."""
        return JudgeConfig(**{"target": self.url, "model": "tiny", "max_wait": 0.01, **settings})


@pytest.fixture
def endpoint() -> Generator[Endpoint]:
    """Return a running endpoint whose judge prefers answers with the word ``good``."""
    fake = Endpoint()
    with serving(lambda request: fake.answer(request.path, request.body, request.headers)) as address:
        fake.url = f"{address}/v1"
        yield fake


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event, /) -> None:
        self.events.append(event)

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def judge(endpoint: Any, own_cache: Path, heard: Heard) -> Any:
    """Return a function that lets the endpoint judge."""

    def run(
        mine: list[str] = MINE, others: list[str] = OTHERS, prompts: list[str] = PROMPTS, **settings: Any
    ) -> WinRate:
        return judge_answers(
            prompts,
            mine,
            others,
            endpoint.config(**settings),
            cache=ContentCache(own_cache / "cache.sqlite"),
            callbacks=[heard],
        )

    return run


def counts(found: WinRate) -> tuple[int, int, int]:
    return found.wins, found.ties, found.losses


def failed(found: WinRate) -> dict[str, int]:
    return {item.reason: item.pairs for item in found.failures}
