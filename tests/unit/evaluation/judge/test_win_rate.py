"""A judge behind an endpoint that works: what its verdicts come to, and what it is asked."""

from __future__ import annotations

import contextlib
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest
from judge_endpoint import prefers_good, prefers_longer, says

from upo_sdk.cache import ContentCache, prune_cache
from upo_sdk.errors import CancelledError, OutputError
from upo_sdk.evaluation.judge import judge_answers
from upo_sdk.events import Progress

from .conftest import MINE, OTHERS, PROMPTS, counts, failed

if TYPE_CHECKING:
    from pathlib import Path

    from serving import Answer

    from upo_sdk.events import Event

    from .conftest import Heard

pytestmark = [pytest.mark.network, pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


def test_every_pair_is_asked_about_in_both_orders_and_counted(judge: Any, endpoint: Any, heard: Heard) -> None:
    found = judge()
    assert counts(found) == (6, 1, 3)
    assert found.win_rate.mean == pytest.approx(65.0)
    assert found.win_rate.low < 65 < found.win_rate.high
    assert found.position.inconsistent == 0
    assert found.position.first == 50
    assert found.cost.requests == 20
    assert (found.cost.prompt_tokens, found.cost.completion_tokens, found.cost.price) == (2400, 20, None)
    assert set(endpoint.paths) == {"/v1/chat/completions"}
    assert "Authorization" not in endpoint.headers[0]
    assert endpoint.bodies[0]["model"] == "tiny"
    assert endpoint.bodies[0]["temperature"] == 0
    done = [event for event in heard.events if isinstance(event, Progress)]
    assert (done[0].done, done[-1].done, done[-1].total) == (0, 20, 20)


def test_a_judge_that_always_prefers_the_first_answer_says_nothing(judge: Any, endpoint: Any) -> None:
    endpoint.respond = lambda _asked: says("A")
    found = judge()
    assert counts(found) == (0, 10, 0)
    assert found.win_rate.mean == 50
    assert found.position.inconsistent == 100
    assert found.position.first == 100


def test_a_judge_that_prefers_length_wins_nothing_at_equal_length(judge: Any, endpoint: Any) -> None:
    endpoint.respond = prefers_longer
    count = 60
    others = ["x" * (50 + number % 7) for number in range(count)]
    mine = [
        "y" * (len(other) + (5 + number % 40 if number % 12 else -5 - number % 9))
        for number, other in enumerate(others)
    ]
    found = judge(mine, others, [str(number) for number in range(count)])
    assert found.win_rate.mean > 90
    assert 40 < found.length_controlled.mean < 65
    assert found.length_effect > 2
    assert found.length_difference > 0


def test_equal_answers_are_a_tie_that_nobody_is_asked_about(judge: Any, endpoint: Any) -> None:
    found = judge(["same"], ["same "], ["p"])
    assert (counts(found), found.identical, endpoint.bodies) == ((0, 1, 0), 1, [])


def test_what_was_judged_is_not_asked_again_by_another_run(judge: Any, endpoint: Any) -> None:
    first = judge()
    again = judge(concurrency=2, retries=0, timeout=9)
    assert len(endpoint.bodies) == 20
    assert again.cost.cached == 20
    assert again.cost.requests == 0
    assert again.model_copy(update={"cost": first.cost}) == first


@pytest.mark.parametrize("change", [{"model": "other"}, {"parameters": {"top_p": 0.5}}, {"max_tokens": 99}])
def test_another_judge_is_asked_anew(judge: Any, endpoint: Any, change: dict[str, Any]) -> None:
    judge()
    judge(**change)
    assert len(endpoint.bodies) == 40


def test_another_template_is_another_question(judge: Any, endpoint: Any, tmp_path: Path) -> None:
    endpoint.answer = lambda _path, body, _headers: says("A" if json.loads(body) else "")
    path = tmp_path / "mine.txt"
    path.write_text("{prompt}? A: {first} B: {second}", encoding="utf-8")
    found = judge(template=path)
    assert found.cost.requests == 20
    assert found.judge.template_sha256 != judge().judge.template_sha256


def test_prices_are_multiplied_only_if_given(judge: Any) -> None:
    assert judge(prompt_price=2.5, completion_price=10).cost.price == pytest.approx((2400 * 2.5 + 20 * 10) / 1e6)


def test_parameters_are_added_and_taken_out_of_the_request(judge: Any, endpoint: Any) -> None:
    judge(parameters={"max_tokens": None, "max_completion_tokens": 7})
    assert "max_tokens" not in endpoint.bodies[0]
    assert endpoint.bodies[0]["max_completion_tokens"] == 7


def test_what_was_asked_twice_is_paid_for_once(judge: Any, endpoint: Any, heard: Heard) -> None:
    found = judge(["a good answer"] * 3, ["none"] * 3, ["same prompt"] * 3)
    assert len(endpoint.bodies) == found.cost.requests == 2
    assert found.wins == 3
    done = [event for event in heard.events if isinstance(event, Progress)]
    assert (done[-1].done, done[-1].total) == (2, 2)


def test_no_more_requests_are_sent_than_the_budget_has(judge: Any, endpoint: Any, heard: Heard) -> None:
    found = judge(max_requests=6, concurrency=1)
    assert len(endpoint.bodies) == 6
    assert found.pairs == 3
    assert failed(found) == {"not asked": 6, "over the budget": 1}
    assert "6 requests were sent" in heard.notices[0]
    assert judge(max_requests=14, concurrency=1).pairs == 10


def test_an_evaluation_that_is_cancelled_goes_on_where_it_was(endpoint: Any, own_cache: Path) -> None:
    cancel = threading.Event()

    def respond(asked: Any) -> Answer:
        if asked.number == 5:
            cancel.set()
        return prefers_good(asked)

    endpoint.respond, cache = respond, ContentCache(own_cache / "cache.sqlite")
    with pytest.raises(CancelledError, match="of 20 questions"):
        judge_answers(PROMPTS, MINE, OTHERS, endpoint.config(concurrency=1), cache=cache, cancel=cancel)
    asked = len(endpoint.bodies)
    assert 5 <= asked < 20
    found = judge_answers(PROMPTS, MINE, OTHERS, endpoint.config(), cache=cache)
    assert len(endpoint.bodies) == 20
    assert found.cost.cached == asked


def test_an_interrupt_keeps_what_came(judge: Any, heard: Heard) -> None:
    def interrupt(event: Event, /) -> None:
        if isinstance(event, Progress) and event.done >= 4:
            raise KeyboardInterrupt

    heard.on_event = interrupt  # type: ignore[method-assign]
    with contextlib.suppress(KeyboardInterrupt):
        judge(concurrency=1)
    heard.on_event = lambda _event: None  # type: ignore[method-assign]
    assert judge().cost.cached >= 4


def test_the_cache_is_kept_while_a_judge_is_asked(judge: Any, heard: Heard) -> None:
    def prune(event: Event, /) -> None:
        if isinstance(event, Progress):
            prune_cache(max_size=0)

    heard.on_event = prune  # type: ignore[method-assign]
    with pytest.raises(OutputError, match="the cache is in use"):
        judge()
