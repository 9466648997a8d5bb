"""One batch to the service and its scores back, with as many attempts as the options allow."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from random import Random
from threading import Event
from typing import TYPE_CHECKING

import httpx2
from pydantic import ValidationError

from upo_plugins.http.retry import Backoff, retry_after, should_retry
from upo_plugins.http.wire import Item, ScoreRequest, ScoreResponse
from upo_sdk.errors import ObjectiveRefError
from upo_sdk.redaction import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from upo_plugins.http.options import ServiceOptions
    from upo_sdk.objectives import Completion

__all__ = ["RequestError", "ServiceClient"]

_SHOWN_CHARACTERS = 200
_REFUSED = {401, 403}
_REDIRECTS = range(300, 400)


class RequestError(Exception):
    """A request failed for good.

    Args:
        what: How.
        fix: What to do about it.
    """

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(what)
        self.fix = fix


class ServiceClient:
    """A connection pool to one service.

    Args:
        options: Address, key and patience.
        pause: Wait so many seconds, or until the event is set.

    Raises:
        ObjectiveRefError: The environment variable with the key is not set.
    """

    def __init__(self, options: ServiceOptions, pause: Callable[[Event, float], object] = Event.wait) -> None:
        self.options = options
        self._token = _read_token(options)
        self._pause = pause
        self._backoff = Backoff(options.backoff, options.max_wait)
        self._random = Random()  # noqa: S311 - spreads attempts over time; the run's random state is not ours
        self._client = httpx2.Client(
            headers=_headers(options, self._token),
            timeout=httpx2.Timeout(options.read_timeout, connect=options.connect_timeout),
            limits=httpx2.Limits(max_connections=options.concurrency),
        )

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def scores(self, batch: Sequence[Completion], stop: Event) -> list[float]:
        """Return the scores of one batch.

        Args:
            batch: What to score.
            stop: Once it is set, nothing is tried again.

        Raises:
            RequestError: The service refused, answered something else, or did not answer after all attempts.
        """
        body = _body(batch)
        failures = 0
        while True:
            answer = self._post(body)
            if isinstance(answer, httpx2.Response) and not should_retry(answer.status_code):
                return self._read(answer, len(batch))
            failures += 1
            problem, asked = (answer, None) if isinstance(answer, str) else (self._described(answer), _asked(answer))
            if failures > self.options.retries or stop.is_set():
                raise RequestError(
                    f"the service did not answer: {problem} (attempt {failures} of {self.options.retries + 1})",
                    "see that the service runs, or be more patient: retries=, read_timeout=, concurrency=",
                )
            self._pause(stop, self._backoff.wait(failures, asked, self._random))

    def _post(self, body: bytes) -> httpx2.Response | str:
        """Return the answer, or in words why there is none, which a further attempt may change."""
        try:
            return self._client.post(self.options.url, content=body)
        except httpx2.TimeoutException as error:
            return f"time-out ({type(error).__name__})"
        except httpx2.TransportError as error:
            return f"{type(error).__name__}: {error}"

    def _read(self, answer: httpx2.Response, wanted: int) -> list[float]:
        if not answer.is_success:
            raise RequestError(f"the service refused: {self._described(answer)}", _fix_of(answer.status_code))
        fix = 'mend the service: it answers {"scores": [...]} with one finite number per completion'
        try:
            scores = ScoreResponse.model_validate_json(answer.content).scores
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = "".join(f"{part}: " for part in first["loc"])
            what = f"the service answered no scores: {place}{first['msg']}; it said {self._start(answer)}"
            raise RequestError(what, fix) from None
        if len(scores) != wanted:
            raise RequestError(f"the service returned {len(scores)} scores for {wanted} completions", fix)
        return scores

    def _described(self, answer: httpx2.Response) -> str:
        return f"status {answer.status_code} {answer.reason_phrase}, {self._start(answer)}"

    def _start(self, answer: httpx2.Response) -> str:
        text = answer.text.replace(self._token, HIDDEN) if self._token else answer.text
        return repr(text[:_SHOWN_CHARACTERS])


def _read_token(options: ServiceOptions) -> str:
    if options.token_env is None:
        return ""
    token = os.environ.get(options.token_env, "").strip()
    if not token:
        raise ObjectiveRefError(
            f"the environment variable '{options.token_env}' is not set",
            where=f"{options.url}, option 'token_env'",
            fix=f"export {options.token_env}=... with the key of the service, or leave the option out",
        )
    return token


def _headers(options: ServiceOptions, token: str) -> dict[str, str]:
    headers = {"Content-Type": "application/json", "Accept": "application/json"}
    if not token:
        return headers
    name = options.token_header
    return {**headers, name: f"Bearer {token}" if name.lower() == "authorization" else token}


def _body(batch: Sequence[Completion]) -> bytes:
    items = [Item(prompt=item.prompt, response=item.response, columns=dict(item.columns)) for item in batch]
    return ScoreRequest(completions=items).model_dump_json().encode()


def _asked(answer: httpx2.Response) -> float | None:
    return retry_after(answer.headers.get("Retry-After"), datetime.now(UTC))


def _fix_of(status: int) -> str:
    if status in _REFUSED:
        return "give the service its key: token_env=NAME names the environment variable that holds it"
    if status in _REDIRECTS:
        return "name the address it points to: redirects are not followed"
    return "check the address and what the service expects"
