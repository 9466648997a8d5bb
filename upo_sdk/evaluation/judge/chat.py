"""Any OpenAI-compatible endpoint as a judge: ``POST .../chat/completions``."""

from __future__ import annotations

import json
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Event
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from upo_sdk.errors import JudgeError
from upo_sdk.evaluation.judge.questions import Reply
from upo_sdk.evaluation.judge.verdict import read_verdict
from upo_sdk.http.client import JsonClient, Patience, RequestError
from upo_sdk.http.key import Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from upo_sdk.config.judge import JudgeConfig

__all__ = ["ChatJudge"]

_MAX_BYTES = 1024**2
_BACKOFF = 0.5
_POLL_SECONDS = 0.1
_HOPELESS = {401, 403, 404, 405}
"""No other question would be answered."""

_MOST_TOKENS = 10**9


class _Message(BaseModel):
    content: str | list[dict[str, Any]] | None = None


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    choices: list[_Choice]
    usage: Any = None  # a verdict is none the worse for odd numbers beside it


class ChatJudge:
    """Asks several questions at a time.

    Args:
        config: Address, model, name of the key's variable, and patience.
        pause: Wait so many seconds, or until the event is set.

    Raises:
        ConfigError: The environment variable with the key is not set.
    """

    def __init__(self, config: JudgeConfig, pause: Callable[[Event, float], object] = Event.wait) -> None:
        self.config = config
        self._stop_rule = _StopRule()
        self._client = JsonClient(
            config.url,
            Key.from_environment(config.key_env, where="`judge.key_env`"),
            _patience(config),
            concurrency=config.concurrency,
            name="the judge",
            max_bytes=_MAX_BYTES,
            max_requests=config.max_requests,
            pause=pause,
        )

    @property
    def identity(self) -> dict[str, Any]:
        """What a verdict depends on besides the question."""
        config = self.config
        return {
            "url": config.url,
            "model": config.model,
            "max_tokens": config.max_tokens,
            "parameters": config.parameters,
        }

    @property
    def requests(self) -> int:
        """Requests sent, further attempts included."""
        return self._client.requests

    @property
    def stopped(self) -> str:
        """Why no further question is asked: it is gone, decides nothing, or the budget is spent."""
        return self._stop_rule.stopped

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def replies(self, questions: Sequence[str], stop: Event) -> Iterator[dict[int, Reply]]:
        """Yield replies by the position of their question, as they come; an empty part every tenth of a second.

        Once ``stop`` is set, no further question is asked and those under way are awaited without further attempts. It
        is set here when there is no point in continuing.

        Raises:
            JudgeError: The endpoint refuses every question: a wrong key, address or model.
        """
        waiting = iter(enumerate(questions))
        with ThreadPoolExecutor(self.config.concurrency, thread_name_prefix="upo-judge") as pool:
            under_way: dict[Future[Reply], int] = {}
            try:
                while True:
                    while not stop.is_set() and len(under_way) < self.config.concurrency:
                        if (following := next(waiting, None)) is None:
                            break
                        under_way[pool.submit(self._ask, following[1], stop)] = following[0]
                    if not under_way:
                        return
                    done, _ = wait(under_way, timeout=_POLL_SECONDS, return_when=FIRST_COMPLETED)
                    refusals = [error for future in done if (error := future.exception())]
                    part = {under_way[future]: future.result() for future in done if not future.exception()}
                    self._stop_rule.see(part.values())
                    if self.stopped:
                        stop.set()
                    yield part
                    if refusals:
                        raise refusals[0]
                    for future in done:
                        del under_way[future]
            finally:
                stop.set()  # an interrupt does not wait for further attempts

    def _ask(self, question: str, stop: Event) -> Reply:
        try:
            body = self._client.post(self._body(question), stop)
        except RequestError as error:
            if error.status in _HOPELESS or (error.status is not None and error.status in range(300, 400)):
                raise self._hopeless(error) from None
            return Reply(
                failure=error.reason,
                example=str(error),
                answered=error.kind != "unanswered",
                last=error.kind == "over budget",
            )
        return self._read(body)

    def _body(self, question: str) -> bytes:
        fields: dict[str, Any] = {
            "model": self.config.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0,
            "max_tokens": self.config.max_tokens,
            **self.config.parameters,
        }
        sent = {name: value for name, value in fields.items() if value is not None}
        return json.dumps(sent, ensure_ascii=True).encode()

    def _read(self, body: bytes) -> Reply:
        try:
            completion = _Completion.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = "".join(f"{part}: " for part in first["loc"])
            what = (
                f"the judge's answer is not a chat completion: {place}{first['msg']}; it answered "
                f"{self._client.shown(body)}"
            )
            return Reply(failure="no chat completion", example=what)
        return replace(
            self._reply(completion),
            prompt_tokens=_count(completion.usage, "prompt_tokens"),
            completion_tokens=_count(completion.usage, "completion_tokens"),
        )

    def _reply(self, completion: _Completion) -> Reply:
        if not completion.choices:
            return Reply(failure="no choices", example="the judge's answer has no choices")
        text = _text(completion.choices[0].message)
        if verdict := read_verdict(text):
            return Reply(verdict=verdict)
        shown = self._client.shown(text.encode("utf-8", "replace"))
        return Reply(failure="no verdict", example=f"the judge named neither A, B nor tie; it answered {shown}")

    def _hopeless(self, error: RequestError) -> JudgeError:
        return JudgeError(str(error), where=self.config.url, fix=_fix_of(error.status or 0))


def _patience(config: JudgeConfig) -> Patience:
    return Patience(
        retries=config.retries,
        backoff=_BACKOFF,
        max_wait=config.max_wait,
        connect_timeout=min(10.0, config.timeout),
        read_timeout=config.timeout,
        whole_timeout=config.timeout,
    )


def _count(usage: Any, name: str) -> int | None:
    value = usage.get(name) if isinstance(usage, dict) else None
    return value if type(value) is int and 0 <= value <= _MOST_TOKENS else None


def _text(message: _Message) -> str:
    """Return the content of a message; a list of parts is joined."""
    content = message.content
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return content or ""


def _fix_of(status: int) -> str:
    match status:
        case 401 | 403:
            return "give it its key: `judge.key_env=NAME` names the environment variable that holds it"
        case 404 | 405:
            return "check the address, which ends in /v1 with most servers, and the name in `judge.model`"
        case _:
            return "name the address it points to: redirects are not followed, so that a key goes nowhere else"


_SILENT = 8
"""So many questions in a row without any answer, and the judge is taken to be gone."""

_SENSELESS = 32
"""So many in a row without a verdict, and no further one is paid for."""


class _StopRule:
    """Looks at replies as they come.

    Attributes:
        stopped: Why no further question should be asked; empty while there is no reason.
    """

    def __init__(self) -> None:
        self.stopped = ""
        self._silent = self._senseless = 0

    def see(self, replies: Iterable[Reply]) -> None:
        """Count replies; a verdict restarts the count."""
        for reply in replies:
            self._silent = 0 if reply.answered else self._silent + 1
            self._senseless = 0 if reply.verdict else self._senseless + 1
            if reply.last:
                self.stopped = reply.example
            elif self._silent == _SILENT:
                self.stopped = f"the judge did not answer {_SILENT} questions in a row: {reply.example}"
            elif self._senseless == _SENSELESS:
                self.stopped = f"{_SENSELESS} questions in a row had no verdict: {reply.example}"
