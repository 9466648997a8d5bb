"""An OpenAI-compatible judge on this machine, with faults to order."""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from serving import Answer, serving

from upo_sdk.config import JudgeConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

KEY = "hunter2-correct-horse-battery"

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


@contextmanager
def serving_judge() -> Generator[Endpoint]:
    """Run an endpoint whose judge prefers answers with the word ``good``."""
    fake = Endpoint()
    with serving(lambda request: fake.answer(request.path, request.body, request.headers)) as address:
        fake.url = f"{address}/v1"
        yield fake
