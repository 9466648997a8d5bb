"""A scoring service that works, and one that is slow, flaky and wrong in turn."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from serving import Answer

from upo_plugins.http.client import ScoreRequest, ScoreResponse
from upo_sdk.cache import ContentCache
from upo_sdk.config import ObjectiveRef
from upo_sdk.errors import ObjectiveFailedError, ObjectiveRefError, PartlyScoredError
from upo_sdk.objectives import Completion
from upo_sdk.plugin.build import LiveObjective, build_objectives
from upo_sdk.plugin.registry import load_registry
from upo_sdk.scoring import score_completions
from upo_sdk.testing import check_objective

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

pytestmark = [
    pytest.mark.network,
    pytest.mark.enable_socket,
    pytest.mark.allow_hosts(["127.0.0.1"]),
]

COMPLETIONS = [Completion(f"p{number}", "r" * number) for number in range(10)]
LENGTHS = [float(number) for number in range(10)]
QUICK = "backoff=0.001,max_wait=0.01"


@pytest.fixture
def connect(service: Any) -> Generator[Callable[..., LiveObjective]]:
    """Return a function that builds the objective for the service."""
    opened: list[LiveObjective] = []

    def run(options: str = "batch_size=3", more: str = QUICK) -> LiveObjective:
        (live,) = build_objectives(
            [ObjectiveRef.model_validate(f"{service.url}:0.3,{options},{more}")], load_registry()
        )
        live.objective.setup("cpu")
        opened.append(live)
        return live

    yield run
    for live in opened:
        live.objective.close()


def failure(live: LiveObjective) -> PartlyScoredError:
    with pytest.raises(PartlyScoredError) as caught:
        live.auxiliary.rewards(COMPLETIONS)
    return caught.value


def test_scores_come_in_the_order_of_the_completions(connect: Any, service: Any) -> None:
    good, released = service.respond, threading.Event()

    def first_comes_last(attempt: int, items: list[dict[str, Any]]) -> Any:
        if items[0]["prompt"] == "p0":
            released.wait(5)
        elif len(service.bodies) == 4:
            released.set()
        return good(attempt, items)

    service.respond = first_comes_last
    assert connect().auxiliary.rewards(COMPLETIONS) == LENGTHS
    assert released.is_set()
    assert sorted(len(body["completions"]) for body in service.bodies) == [1, 3, 3, 3]


def test_the_wire_format_is_the_documented_one(connect: Any, service: Any) -> None:
    connect("columns=topic").auxiliary.rewards([Completion("p", "é\0", {"topic": {"a": 1}})])
    assert service.bodies == [{"completions": [{"prompt": "p", "response": "é\0", "columns": {"topic": {"a": 1}}}]}]
    assert service.headers[0]["Content-Type"] == "application/json"
    assert ScoreRequest.model_json_schema()["required"] == ["completions"]
    assert ScoreResponse.model_json_schema()["required"] == ["scores"]


def test_no_more_requests_are_under_way_than_allowed(connect: Any, service: Any) -> None:
    service.delay = 0.02
    connect("batch_size=1,concurrency=3").auxiliary.rewards(COMPLETIONS)
    assert 1 < service.most_at_once <= 3


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_a_service_that_is_busy_for_a_while_is_asked_again(connect: Any, service: Any, status: int) -> None:
    good = service.respond
    service.respond = lambda attempt, items: Answer(status, {}, b"busy") if attempt < 3 else good(attempt, items)
    assert connect().auxiliary.rewards(COMPLETIONS) == LENGTHS
    assert set(service.attempts.values()) == {3}


def test_the_service_may_say_when_to_come_back(connect: Any, service: Any) -> None:
    good, waits = service.respond, []
    busy = Answer(429, {"Retry-After": "7"})
    service.respond = lambda attempt, items: busy if attempt < 2 else good(attempt, items)
    live = connect("batch_size=16", "max_wait=30")
    live.objective._client.http.pause = lambda _stop, seconds: waits.append(seconds)
    assert live.auxiliary.rewards(COMPLETIONS) == LENGTHS
    assert waits == [7.0]


def test_a_service_that_hangs_is_a_time_out_after_all_attempts(connect: Any, service: Any) -> None:
    service.respond = lambda _attempt, _items: Answer(fault="hangs")
    error = failure(connect("batch_size=16,retries=1,read_timeout=0.05"))
    assert "did not answer: time-out (ReadTimeout) (attempt 2 of 2)" in error.what
    assert error.rewards == {}


def test_nobody_at_the_address_is_one_clear_error(connect: Any, service: Any) -> None:
    service.url = "http://127.0.0.1:9/score"
    error = failure(connect("retries=0"))
    assert "did not answer: ConnectError" in error.what
    assert error.where == "http://127.0.0.1:9/score"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<html>busy</html>", "Invalid JSON"),
        (b'{"scores": [1, NaN, 3]}', "scores: 1: "),
        (b'{"scores": [1, 1e999, 3]}', "scores: 1: "),
        (b'{"scores": [1, "2", 3]}', "scores: 1: Input should be a valid number"),
        (b'{"scores": [1, null, 3]}', "scores: 1: Input should be a valid number"),
        (b'{"scores": [1, 2]}', "returned 2 scores for 3 completions"),
        (b'{"scores": 1}', "scores: Input should be a valid array"),
        (b"[1, 2, 3]", "Input should be an object"),
        (b'{"rewards": [1, 2, 3]}', "scores: Field required"),
    ],
)
def test_a_wrong_answer_is_not_asked_for_again(connect: Any, service: Any, content: bytes, complaint: str) -> None:
    service.respond = lambda _attempt, _items: Answer(200, {}, content)
    error = failure(connect("batch_size=3,concurrency=1"))
    assert complaint in error.what
    assert len(service.bodies) == 1
    assert "fix the service" in (error.fix or "")


@pytest.mark.parametrize(("status", "fix"), [(401, "token_env=NAME"), (404, "check the address"), (307, "redirects")])
def test_a_refusal_is_not_asked_for_again(connect: Any, service: Any, status: int, fix: str) -> None:
    service.respond = lambda _attempt, _items: Answer(status, {"Location": "http://elsewhere.invalid/"}, b"no")
    error = failure(connect("concurrency=1"))
    assert f"the service refused: status {status}" in error.what
    assert fix in (error.fix or "")
    assert len(service.bodies) == 1


def breaks_at(text: str, service: Any) -> None:
    good = service.respond

    def respond(attempt: int, items: list[dict[str, Any]]) -> Any:
        return Answer(500, {}, b"broken") if any(item["response"] == text for item in items) else good(attempt, items)

    service.respond = respond


def test_what_came_before_a_failure_is_kept_and_not_asked_for_again(
    connect: Any, service: Any, own_cache: Path
) -> None:
    cache = ContentCache(own_cache / "cache.sqlite")
    good = service.respond
    breaks_at("r" * 3, service)  # in the third request: the longest come first
    with pytest.raises(ObjectiveFailedError, match="stopped at 6 of 10 completions") as caught:
        score_completions(connect("batch_size=3,concurrency=1,retries=1"), COMPLETIONS, cache)
    assert "the 6 are kept: run the same command again" in (caught.value.fix or "")
    service.respond = good
    asked = len(service.bodies)
    rewards = score_completions(connect("batch_size=2,concurrency=2,retries=9"), COMPLETIONS, cache).rewards
    assert np.array_equal(rewards, LENGTHS)
    again = [item["response"] for body in service.bodies[asked:] for item in body["completions"]]
    assert sorted(again, key=len) == ["", "r", "r" * 2, "r" * 3]


def test_another_version_of_the_scorer_is_asked_anew(connect: Any, service: Any, own_cache: Path) -> None:
    cache = ContentCache(own_cache / "cache.sqlite")
    for version, requests in [("1", 4), ("1", 4), ("2", 8)]:
        score_completions(connect(f"batch_size=3,version={version}"), COMPLETIONS, cache)
        assert len(service.bodies) == requests


def test_after_a_failure_for_good_no_further_request_is_begun(connect: Any, service: Any) -> None:
    service.respond = lambda _attempt, _items: Answer(400, {}, b"no")
    failure(connect("batch_size=1,concurrency=1"))
    assert len(service.bodies) == 1


@pytest.mark.parametrize(
    ("options", "header", "sent"),
    [
        ("token_env=SCORER_KEY", "Authorization", "Bearer hunter2"),
        ("token_env=SCORER_KEY,token_header=x-functions-key", "X-Functions-Key", "hunter2"),
    ],
)
def test_the_key_comes_from_the_environment_and_goes_nowhere_but_there(
    connect: Any,
    service: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    options: str,
    header: str,
    sent: str,
) -> None:
    caplog.set_level("DEBUG")
    monkeypatch.setenv("SCORER_KEY", "hunter2")
    live = connect(options)
    live.auxiliary.rewards(COMPLETIONS)
    assert service.headers[0][header] == sent
    service.respond = lambda _attempt, _items: Answer(403, {}, b"the key hunter2 is wrong")
    written = [str(failure(live)), str(live.ref), json.dumps(live.options.model_dump(mode="json")), caplog.text]
    assert "hunter2" not in "".join(written)
    assert "the key *** is wrong" in written[0]


def test_a_key_that_is_not_set_is_said_before_anything_is_sent(connect: Any, service: Any) -> None:
    with pytest.raises(ObjectiveRefError, match="'SCORER_KEY' is not set"):
        connect("token_env=SCORER_KEY")
    assert not service.bodies


def test_the_objective_passes_every_conformance_check_but_that_of_the_network(service: Any) -> None:
    check_objective(
        f"{service.url},retries=0",
        expected_failures={"opens_no_connection": "it asks the service that it is told to ask"},
    )
