"""A real scoring service on this machine, with faults to order."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from serving import Answer, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Generator


def scores(*values: Any) -> Answer:
    """Return an answer with these scores."""
    return Answer(body=json.dumps({"scores": values}).encode())


@dataclass
class FakeService:
    """A scoring service.

    Attributes:
        respond: From the number of the attempt at this batch (1, 2, ...) and its completions to an answer.
        bodies: What was asked, request by request.
        most_at_once: The most requests that were under way at one time.
    """

    respond: Callable[[int, list[dict[str, Any]]], Answer]
    url: str = ""
    delay: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    attempts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    under_way: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Count a request and answer it."""
        with self.lock:
            self.bodies.append(json.loads(body))
            self.headers.append(headers)
            self.attempts[body.decode()] += 1
            attempt = self.attempts[body.decode()]
            self.under_way += 1
            self.most_at_once = max(self.most_at_once, self.under_way)
        time.sleep(self.delay)
        with self.lock:
            self.under_way -= 1
        return self.respond(attempt, json.loads(body)["completions"])


def by_length(_attempt: int, completions: list[dict[str, Any]]) -> Answer:
    """Answer with the length of every response."""
    return scores(*(len(item["response"]) for item in completions))


@pytest.fixture
def service() -> Generator[FakeService]:
    """Return a running service that scores a response by its length."""
    fake = FakeService(by_length)
    with serving(lambda request: fake.answer(request.body, request.headers)) as address:
        fake.url = f"{address}/score"
        yield fake
