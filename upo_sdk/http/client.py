"""One JSON request and its answer, with as many attempts as patience allows."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from random import Random
from threading import Event, Lock
from time import monotonic
from typing import TYPE_CHECKING, Literal

import httpx2

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.http.key import Key

__all__ = ["JsonClient", "Patience", "RequestError", "retry_after", "should_retry"]

_SHOWN_CHARACTERS = 200

Kind = Literal["unanswered", "refused", "unusable", "over budget"]

_TOO_MANY_REQUESTS = 429
_SERVER_ERRORS = range(500, 600)
_FOREVER = {501, 505}  # not implemented, HTTP version not supported: no later attempt can do better


class RequestError(Exception):
    """A request failed for good.

    Args:
        what: How, without any key.
        kind: ``unanswered`` after all attempts, ``refused`` by its status, answered with something ``unusable``, or not
            sent because the most requests were.
        reason: The same in a few words, equal for failures of one kind, for example ``status 404``.
        status: Of the answer, if there was one.
    """

    def __init__(self, what: str, kind: Kind, reason: str, status: int | None = None) -> None:
        super().__init__(what)
        self.kind: Kind = kind
        self.reason = reason
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long to wait, and how often.

    Attributes:
        retries: Further attempts after a time-out, a broken connection, status 429 or 5xx.
        backoff: Seconds before the first further attempt; they double, with jitter.
        max_wait: Most seconds between two attempts, even if the service asks for more.
        connect_timeout: Seconds to connect.
        read_timeout: Seconds to wait for the next byte of the answer.
        whole_timeout: Seconds for the whole answer; None is no limit.
    """

    retries: int
    backoff: float
    max_wait: float
    connect_timeout: float
    read_timeout: float
    whole_timeout: float | None = None

    def wait(self, failures: int, asked: float | None, random: Random) -> float:
        """Return the seconds to wait before attempt k + 2: ``uniform(½, 1) · min(backoff · 2ᵏ, max_wait)``.

        Args:
            failures: So far, at least 1: ``k + 1``.
            asked: What the service asks for, which is the least; ``max_wait`` is the most.
            random: Draws the jitter.
        """
        backoff = random.uniform(0.5, 1.0) * min(self.backoff * 2.0 ** min(failures - 1, 60), self.max_wait)
        return min(max(backoff, asked or 0.0), self.max_wait)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    reason_phrase: str
    retry_after: str | None
    body: bytes


class JsonClient:
    """A connection pool to one address, for several threads. Redirects are never followed: the key goes nowhere else.

    Args:
        url: Where requests are sent.
        key: Its key, or none.
        patience: Time limits and attempts.
        concurrency: Connections at a time.
        name: What the other side is called in errors, such as ``the service``.
        max_bytes: A longer answer is not read on.
        max_requests: Attempts in all; None is no limit.
        pause: Wait so many seconds, or until the event is set.
    """

    def __init__(
        self,
        url: str,
        key: Key,
        patience: Patience,
        *,
        concurrency: int,
        name: str,
        max_bytes: int,
        max_requests: int | None = None,
        pause: Callable[[Event, float], object] = Event.wait,
    ) -> None:
        self.url, self.key, self.patience, self.name = url, key, patience, name
        self.max_bytes, self.max_requests = max_bytes, max_requests
        self.requests = 0
        self.pause = pause
        self._lock = Lock()
        self._random = Random()  # noqa: S311 - spreads attempts over time; the run's random state is not ours
        self._open = ExitStack()
        self._open.enter_context(key.hidden_in_logs())
        client = httpx2.Client(
            headers={
                "Content-Type": "application/json",
                "Accept": "application/json",
                "Accept-Encoding": "identity",  # a small answer cannot unfold to a huge one
                **key.headers(),
            },
            timeout=httpx2.Timeout(patience.read_timeout, connect=patience.connect_timeout, pool=None),
            limits=httpx2.Limits(max_connections=concurrency),
        )
        self._client = self._open.enter_context(client)

    def close(self) -> None:
        """Close all connections."""
        self._open.close()

    def post(self, body: bytes, stop: Event) -> bytes:
        """Send a body and return that of the answer, whose status says success.

        Args:
            body: JSON.
            stop: Once it is set, nothing is tried again.

        Raises:
            RequestError: There was no such answer after all attempts.
        """
        failures = 0
        while True:
            answer = self._attempt(body)
            if isinstance(answer, _Answer) and not should_retry(answer.status):
                return self._successful(answer)
            failures += 1
            problem, asked = (answer, None) if isinstance(answer, str) else (self._described(answer), _asked(answer))
            if failures > self.patience.retries or stop.is_set():
                raise RequestError(
                    f"{self.name} did not answer: {problem} (attempt {failures} of {self.patience.retries + 1})",
                    "unanswered",
                    answer.split(":")[0] if isinstance(answer, str) else f"status {answer.status}",
                    None if isinstance(answer, str) else answer.status,
                )
            self.pause(stop, self.patience.wait(failures, asked, self._random))

    def shown(self, body: bytes) -> str:
        """Return the start of an answer for an error, without the key."""
        return repr(self.key.hide(body.decode("utf-8", "replace"))[:_SHOWN_CHARACTERS])

    def _attempt(self, body: bytes) -> _Answer | str:
        """Return the answer, or in words why there is none, which a further attempt may change."""
        self._count()
        try:
            with self._client.stream("POST", self.url, content=body) as answer:
                return _Answer(
                    answer.status_code, answer.reason_phrase, answer.headers.get("Retry-After"), self._read(answer)
                )
        except httpx2.TimeoutException as error:
            return f"time-out ({type(error).__name__})"
        except httpx2.RequestError as error:
            return self.key.hide(f"{type(error).__name__}: {error}")

    def _read(self, answer: httpx2.Response) -> bytes:
        body, limit = bytearray(), self.patience.whole_timeout
        until = None if limit is None else monotonic() + limit
        for chunk in answer.iter_bytes():
            body += chunk
            if len(body) > self.max_bytes:
                raise RequestError(
                    f"{self.name} answered more than {self.max_bytes:,} bytes, and was not read further",
                    "unusable",
                    "answer too long",
                    answer.status_code,
                )
            if until is not None and monotonic() > until:
                message = f"no whole answer within {limit:g} s"
                raise httpx2.ReadTimeout(message)
        return bytes(body)

    def _count(self) -> None:
        with self._lock:
            if self.max_requests is not None and self.requests >= self.max_requests:
                raise RequestError(f"{self.max_requests:,} requests were sent", "over budget", "over the budget")
            self.requests += 1

    def _successful(self, answer: _Answer) -> bytes:
        if not httpx2.codes.is_success(answer.status):
            what = f"{self.name} refused: {self._described(answer)}"
            raise RequestError(what, "refused", f"status {answer.status}", answer.status)
        return answer.body

    def _described(self, answer: _Answer) -> str:
        return f"status {answer.status} {self.key.hide(answer.reason_phrase)}, {self.shown(answer.body)}"


def _asked(answer: _Answer) -> float | None:
    return retry_after(answer.retry_after, datetime.now(UTC))


def should_retry(status: int) -> bool:
    """Return whether the same request may succeed later."""
    return status == _TOO_MANY_REQUESTS or (status in _SERVER_ERRORS and status not in _FOREVER)


def retry_after(header: str | None, now: datetime) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, given as seconds or as a date; None if it asks for nothing."""
    if header is None:
        return None
    if header.strip().isdigit():
        return float(header)
    try:
        date = parsedate_to_datetime(header)
    except ValueError:
        return None
    return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
