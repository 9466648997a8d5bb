"""One batch to the service and its scores back: what goes over the wire, and as many attempts as the options allow."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from upo_sdk.errors import ObjectiveRefError
from upo_sdk.http.client import JsonClient, Patience
from upo_sdk.http.client import RequestError as HttpError
from upo_sdk.http.key import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from upo_plugins.http.options import ServiceOptions
    from upo_sdk.objectives import Completion

__all__ = ["Item", "RequestError", "ScoreRequest", "ScoreResponse", "ServiceClient"]


class Item(BaseModel):
    """One completion; ``columns`` holds the columns that the option of that name asks for."""

    prompt: str
    response: str
    columns: dict[str, Any] = Field(default_factory=dict)


class ScoreRequest(BaseModel):
    """The body of a request."""

    completions: list[Item]


class ScoreResponse(BaseModel):
    """The body of an answer with status 200: one finite number per completion, in order, higher is better."""

    model_config = ConfigDict(strict=True)

    scores: list[Annotated[float, Field(allow_inf_nan=False)]]


_MAX_BYTES = 16 * 1024**2
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
        key = Key.from_environment(
            options.token_env,
            where=f"{options.url}, option 'token_env'",
            header=options.token_header,
            error=ObjectiveRefError,
        )
        self.http = JsonClient(
            options.url,
            key,
            _patience(options),
            concurrency=options.concurrency,
            name="the service",
            max_bytes=_MAX_BYTES,
            pause=pause,
        )

    def close(self) -> None:
        """Close all connections."""
        self.http.close()

    def scores(self, batch: Sequence[Completion], stop: Event) -> list[float]:
        """Return the scores of one batch.

        Args:
            batch: What to score.
            stop: Once it is set, nothing is tried again.

        Raises:
            RequestError: The service refused, answered something else, or did not answer after all attempts.
        """
        try:
            answer = self.http.post(_body(batch), stop)
        except HttpError as error:
            raise RequestError(str(error), _fix_of(error)) from None
        return self._read(answer, len(batch))

    def _read(self, answer: bytes, wanted: int) -> list[float]:
        fix = 'fix the service: it answers {"scores": [...]} with one finite number per completion'
        try:
            scores = ScoreResponse.model_validate_json(answer).scores
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = "".join(f"{part}: " for part in first["loc"])
            what = f"the service's answer holds no scores: {place}{first['msg']}; it answered {self.http.shown(answer)}"
            raise RequestError(what, fix) from None
        if len(scores) != wanted:
            raise RequestError(f"the service returned {len(scores)} scores for {wanted} completions", fix)
        return scores


def _patience(options: ServiceOptions) -> Patience:
    return Patience(
        retries=options.retries,
        backoff=options.backoff,
        max_wait=options.max_wait,
        connect_timeout=options.connect_timeout,
        read_timeout=options.read_timeout,
    )


def _body(batch: Sequence[Completion]) -> bytes:
    items = [Item(prompt=item.prompt, response=item.response, columns=dict(item.columns)) for item in batch]
    return ScoreRequest(completions=items).model_dump_json().encode()


def _fix_of(error: HttpError) -> str:
    if error.kind == "unanswered":
        return "check that the service runs, or give it more time: retries=, read_timeout=, concurrency="
    if error.kind == "unusable":
        return "fix the service: its answer has one number per completion and nothing else"
    if error.status in _REFUSED:
        return "give the service its key: token_env=NAME names the environment variable that holds it"
    if error.status in _REDIRECTS:
        return "name the address it points to: redirects are not followed"
    return "check the address and what the service expects"
