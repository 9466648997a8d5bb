"""A real scoring service on this machine, with faults to order."""

from __future__ import annotations

import json
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

Answer = tuple[int, dict[str, str], bytes]


def scores(*values: Any) -> Answer:
    """Return an answer with these scores."""
    return 200, {}, json.dumps({"scores": values}).encode()


@dataclass
class FakeService:
    """A scoring service.

    Attributes:
        respond: From the number of the attempt at this batch (1, 2, ...) and its completions to an answer; None: it
            hangs until the test is over.
        bodies: What was asked, request by request.
        most_at_once: The most requests that were under way at one time.
    """

    respond: Callable[[int, list[dict[str, Any]]], Answer | None]
    url: str = ""
    delay: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    attempts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    under_way: int = 0
    most_at_once: int = 0
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, body: bytes, headers: dict[str, str]) -> Answer | None:
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
        found = self.respond(attempt, json.loads(body)["completions"])
        if found is None:
            self.over.wait(30)
        return found


def by_length(_attempt: int, completions: list[dict[str, Any]]) -> Answer:
    """Answer with the length of every response."""
    return scores(*(len(item["response"]) for item in completions))


@pytest.fixture
def service() -> Generator[FakeService]:
    """Return a running service that scores a response by its length."""
    fake = FakeService(by_length)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answer = fake.answer(body, dict(self.headers))
            if answer is None:
                self.close_connection = True
                return
            status, headers, content = answer
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in the base class
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    fake.url = f"http://127.0.0.1:{server.server_address[1]}/score"
    yield fake
    fake.over.set()
    server.shutdown()
    server.server_close()
    thread.join()
