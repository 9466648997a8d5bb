"""A server on this machine that answers as a test wants, with faults to order."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["Answer", "Request", "serving"]

_BEGUN = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n"


@dataclass(frozen=True)
class Request:
    """What a client sent; names of headers are capitalised."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True)
class Answer:
    """What the server does: it answers, hangs or drips until the test is over, or breaks the connection."""

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    reason: str | None = None
    fault: Literal["", "hangs", "drips", "closes", "breaks in the middle"] = ""


@contextmanager
def serving(respond: Callable[[Request], Answer]) -> Generator[str]:
    """Serve for a while, in threads of this process; yields the address."""
    server = _Server(respond)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, respond: Callable[[Request], Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.respond, self.over = respond, threading.Event()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing where a client gave up."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the body waits 40 ms for the client's word that it has the headers
    server: _Server

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.title(): value for name, value in self.headers.items()}
        answer = self.server.respond(Request(self.command, self.path, headers, body))
        if answer.fault:
            self._fail(answer.fault)
            return
        self.send_response(answer.status, answer.reason)
        for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_HEAD = _serve

    def _fail(self, fault: str) -> None:
        self.close_connection = True
        if fault == "hangs":
            self.server.over.wait(30)
        if fault == "drips":
            self.wfile.write(_BEGUN)
            while not self.server.over.wait(0.02):
                self.wfile.write(b" ")
        if fault == "breaks in the middle":
            self.wfile.write(_BEGUN + b"{")

    def log_message(self, *_: Any) -> None:
        """Keep quiet."""
