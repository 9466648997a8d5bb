"""A judge behind an endpoint that is slow, flaky, wrong and hostile in turn."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from judge_endpoint import KEY, prefers_good, says
from serving import Answer

from upo_sdk.cache import ContentCache
from upo_sdk.errors import ConfigError, JudgeError
from upo_sdk.evaluation.judge import judge_answers
from upo_sdk.evaluation.judge.chat import ChatJudge

from .conftest import MINE, OTHERS, PROMPTS, counts, failed

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import Heard

pytestmark = [pytest.mark.network, pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


BUSY = [
    Answer(429, body=b"slow down"),
    Answer(500),
    Answer(503),
    Answer(fault="closes"),
    Answer(fault="breaks in the middle"),
]


@pytest.mark.parametrize("fault", BUSY, ids=lambda fault: fault.fault or str(fault.status))
def test_an_endpoint_that_is_busy_for_a_while_is_asked_again(judge: Any, endpoint: Any, fault: Answer) -> None:
    endpoint.respond = lambda asked: fault if asked.attempt < 3 else prefers_good(asked)
    found = judge()
    assert counts(found) == (6, 1, 3)
    assert found.cost.requests == 60
    assert not found.failures


def test_the_endpoint_may_say_when_to_come_back(endpoint: Any) -> None:
    busy = Answer(429, headers={"Retry-After": "7"})
    endpoint.respond = lambda asked: busy if asked.attempt == 1 else prefers_good(asked)
    waits: list[float] = []
    judge = ChatJudge(endpoint.config(max_wait=30), pause=lambda _stop, seconds: waits.append(seconds))
    question = "----- x request -----\np\n----- x answer A -----\ngood\n----- x answer B -----\nno\n----- x end -----"
    parts = [part for part in judge.replies([question], threading.Event()) if part]
    judge.close()
    assert parts[0][0].verdict == "first"
    assert waits == [7.0]


@pytest.mark.parametrize("fault", ["hangs", "drips"])
def test_an_endpoint_that_takes_too_long_is_a_counted_failure(judge: Any, endpoint: Any, fault: str) -> None:
    endpoint.respond = lambda asked: Answer(fault=fault) if asked.prompt == "prompt 0" else prefers_good(asked)
    found = judge(timeout=1.0, retries=1)
    assert failed(found) == {"time-out (ReadTimeout)": 1}
    assert counts(found) == (5, 1, 3)
    assert found.win_rate.mean == pytest.approx(100 * 5.5 / 9)


WRONG = [
    (Answer(body=b"<html>busy</html>", headers={"Content-Type": "text/html"}), "no chat completion"),
    (Answer(body=b'{"choices": "none"}'), "no chat completion"),
    (Answer(body=b'{"choices": [{}]}'), "no chat completion"),
    (Answer(body=b"[]"), "no chat completion"),
    (Answer(body=b"\xff\xfe\x00"), "no chat completion"),
    (Answer(body=b"[" * 100_000), "no chat completion"),
    (Answer(body=b'{"choices": []}'), "no choices"),
    (says("A good question. Both of them have their merits, I would say."), "no verdict"),
    (says(""), "no verdict"),
    (says(None), "no verdict"),
    (Answer(400, body=b'{"error": {"message": "too long"}}'), "status 400"),
    (Answer(204), "no chat completion"),
    (Answer(body=b'{"choices": [], "x": "' + b"y" * 2_000_000 + b'"}'), "answer too long"),
]


@pytest.mark.parametrize(("wrong", "reason"), WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_a_wrong_answer_is_a_counted_failure_and_neither_win_nor_loss(
    judge: Any, endpoint: Any, wrong: Answer, reason: str
) -> None:
    endpoint.respond = lambda asked: wrong if asked.prompt == "prompt 9" else prefers_good(asked)
    found = judge()
    assert failed(found) == {reason: 1}
    assert counts(found) == (6, 1, 2)
    assert len(found.failures[0].example) < 500
    assert max(endpoint.attempts.values()) == 1


def test_the_type_of_the_content_does_not_matter_if_it_is_a_completion(judge: Any, endpoint: Any) -> None:
    endpoint.respond = lambda asked: replace(prefers_good(asked), headers={"Content-Type": "text/plain"})
    assert counts(judge()) == (6, 1, 3)


@pytest.mark.parametrize("usage", [None, "many", {}, {"prompt_tokens": -1}, {"prompt_tokens": 1.5}, [1]])
def test_a_verdict_counts_whatever_is_said_of_its_tokens(judge: Any, endpoint: Any, usage: Any) -> None:
    endpoint.respond = lambda _asked: replace(
        says("tie"), body=json.dumps({"choices": [{"message": {"content": "tie"}}], "usage": usage}).encode()
    )
    found = judge(prompt_price=1)
    assert counts(found) == (0, 10, 0)
    assert (found.cost.prompt_tokens, found.cost.completion_tokens, found.cost.price) == (None, None, None)


def test_a_pair_that_failed_is_asked_again_next_time(judge: Any, endpoint: Any) -> None:
    endpoint.respond = lambda asked: says("hm") if asked.prompt == "prompt 9" else prefers_good(asked)
    assert judge().pairs == 9
    endpoint.respond = prefers_good
    again = judge()
    assert counts(again) == (6, 1, 3)
    assert (again.cost.requests, again.cost.cached) == (2, 18)


@pytest.mark.parametrize(("status", "fix"), [(401, "judge.key_env"), (403, "judge.key_env"), (404, "judge.model")])
def test_a_refusal_of_everything_is_one_error_after_few_requests(
    judge: Any, endpoint: Any, status: int, fix: str
) -> None:
    endpoint.respond = lambda _asked: Answer(status, body=b"no")
    with pytest.raises(JudgeError, match=f"the judge refused: status {status}") as caught:
        judge(concurrency=2)
    assert fix in (caught.value.fix or "")
    assert len(endpoint.bodies) <= 4


def test_a_redirect_is_refused_and_the_key_goes_nowhere(
    judge: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    elsewhere = {"Location": endpoint.url.replace("127.0.0.1", "localhost") + "/elsewhere"}
    endpoint.respond = lambda _asked: Answer(307, headers=elsewhere)
    with pytest.raises(JudgeError, match="status 307") as caught:
        judge(key_env="JUDGE_KEY", concurrency=1)
    assert "redirects are not followed" in (caught.value.fix or "")
    assert endpoint.paths == ["/v1/chat/completions"]


def test_a_judge_that_dies_is_left_alone_and_what_came_is_kept(judge: Any, endpoint: Any, heard: Heard) -> None:
    endpoint.respond = lambda asked: prefers_good(asked) if asked.number <= 8 else Answer(503)
    many = [f"prompt {number}" for number in range(40)]
    mine, others = MINE * 4, OTHERS * 4
    found = judge(mine, others, many, retries=0, concurrency=1)
    assert found.pairs == 4
    assert failed(found) == {"status 503": 4, "not asked": 32}
    assert len(endpoint.bodies) == 16
    assert "did not answer 8 questions in a row" in found.remarks[0]
    assert "run the same command again" in heard.notices[0]
    endpoint.respond = prefers_good
    again = judge(mine, others, many)
    assert (again.pairs, again.cost.cached, again.cost.requests) == (40, 8, 72)


def test_an_endpoint_that_does_not_take_the_request_is_an_error_with_its_words(judge: Any, endpoint: Any) -> None:
    endpoint.respond = lambda _asked: Answer(400, body=b"max_tokens is not supported, use max_completion_tokens")
    count = 40
    with pytest.raises(JudgeError, match="max_tokens is not supported") as caught:
        judge(["a"] * count, ["b"] * count, [str(number) for number in range(count)])
    assert "parameters" in (caught.value.fix or "")
    assert len(endpoint.bodies) <= 40


def test_nobody_at_the_address_is_one_clear_error(own_cache: Path) -> None:
    from upo_sdk.config import JudgeConfig

    config = JudgeConfig(target="http://127.0.0.1:9/v1", model="m", retries=0)
    with pytest.raises(JudgeError, match="ConnectError") as caught:
        judge_answers(PROMPTS, MINE, OTHERS, config, cache=ContentCache(own_cache / "c.sqlite"))
    assert caught.value.where == "http://127.0.0.1:9/v1"


def test_a_judge_that_only_talks_is_not_paid_for_long(judge: Any, endpoint: Any) -> None:
    endpoint.respond = lambda _asked: says("Let me think about it.")
    count = 40
    found = judge(["a"] * count, ["b"] * count, [str(number) for number in range(count)], concurrency=1)
    assert len(endpoint.bodies) == 32
    assert found.win_rate is None
    assert failed(found) == {"no verdict": 16, "not asked": 24}


def _echoes(headers: dict[str, str]) -> list[Answer]:
    sent = headers["Authorization"]
    return [
        Answer(403, body=f"bad key: {sent}".encode()),
        Answer(400, body=json.dumps({"error": {"message": f"Incorrect key {KEY[:12]}****"}}).encode()),
        Answer(500, body=f"trace: {sent}".encode(), headers={"X-Echo": sent}),
        Answer(418, reason=sent),
        Answer(body=f"<pre>{sent}</pre>".encode()),
        says(f"I saw {sent}"),
        says(f"{KEY}\nA", usage=(1, 1), id=sent),
        Answer(302, headers={"Location": f"https://example.org/?k={KEY}"}),
        Answer(body=b'{"choices": "' + KEY.replace("-", "\\u002d").encode() + b'"}'),
    ]


@pytest.mark.parametrize("which", range(9))
def test_the_key_is_in_the_request_and_nowhere_else(
    judge: Any,
    endpoint: Any,
    heard: Heard,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    which: int,
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    answer = endpoint.answer

    def echo(path: str, body: bytes, headers: dict[str, str]) -> Answer:
        answer(path, body, headers)
        return _echoes(headers)[which]

    endpoint.answer = echo
    caplog.set_level("DEBUG")
    config = endpoint.config(key_env="JUDGE_KEY", retries=1)
    written = [repr(config), config.model_dump_json()]
    try:
        written.append(judge(key_env="JUDGE_KEY", retries=1).model_dump_json())
    except JudgeError as error:
        written += [str(error), repr(error), repr(error.__cause__), repr(error.__context__)]
    assert endpoint.headers[0]["Authorization"] == f"Bearer {KEY}"
    written += [repr(heard.events), caplog.text, *capfd.readouterr()]
    files = b"".join(path.read_bytes() for path in own_cache.rglob("*") if path.is_file())
    for part in (KEY, KEY[:12], "correct-horse"):
        assert part not in "".join(written)
        assert part.encode() not in files


def test_a_key_that_is_not_set_or_no_key_is_said_before_anything_is_sent(
    judge: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match="'JUDGE_KEY' is not set"):
        judge(key_env="JUDGE_KEY")
    monkeypatch.setenv("JUDGE_KEY", "two\nlines")
    with pytest.raises(ConfigError, match="not allowed in a header") as caught:
        judge(key_env="JUDGE_KEY")
    assert "lines" not in str(caught.value)
    assert not endpoint.bodies
