"""``upo eval --judge``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from judge_endpoint import KEY, prefers_longer, says, serving_judge
from serving import Answer
from typer.testing import CliRunner

from upo_cli.main import build_app

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from judge_endpoint import Endpoint

pytestmark = [pytest.mark.network, pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture
def endpoint() -> Generator[Endpoint]:
    """Return a running endpoint whose judge prefers answers with the word ``good``."""
    with serving_judge() as judge:
        yield judge


@pytest.fixture
def upo_eval(endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Return a function that evaluates the demo's model with a judge; it returns the exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*options: str, prompts: int = 6) -> tuple[int, str, str]:
        small = ["--eval_prompts", f"{prompts}", "--max_new_tokens", "12", "--judge_max_wait", "0.01"]
        judge = ["--judge", endpoint.url, "--judge_model", "tiny", "--judge_against", "chosen"]
        done = CliRunner().invoke(build_app(), ["eval", "demo", *small, *judge, *options], prog_name="upo")
        if done.exception is not None and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    return run


def test_the_rate_is_in_the_table_and_what_is_behind_it_below(upo_eval: Any, endpoint: Any) -> None:
    endpoint.respond = lambda asked: says("hm") if asked.number == 1 else prefers_longer(asked)
    code, out, _ = upo_eval("--judge_concurrency", "1", "--judge_prompt_price", "2.5")
    assert code == 0
    assert "win_rate" in out
    assert "win_rate/length_controlled" in out
    assert "judge tiny, against the data's chosen responses: " in out
    assert "not judged: 1 pair, no verdict: the judge named neither A, B nor tie" in out
    assert "12 requests, 0 verdicts from the cache, 1,440 + 12 tokens" in out
    assert "price 0.0036" in out


def test_a_pipeline_can_hold_on_to_the_rate(upo_eval: Any, endpoint: Any) -> None:
    endpoint.respond = lambda _asked: says("tie")
    assert upo_eval("--fail-if", "win_rate<50", prompts=10)[0] == 0
    code, out, _ = upo_eval("--fail-if", "win_rate<50.1", "--json", prompts=10)
    assert code == 1
    found = json.loads(out)
    assert found["judge"]["ties"] == 10
    assert [verdict["holds"] for verdict in found["verdicts"]] == [True]
    assert len(endpoint.bodies) == 20
    code, _, err = upo_eval("--fail-if", "win_rate<50")
    assert code == 2
    assert "a condition needs at least 10 prompts, and 6 are evaluated" in err


def test_fields_of_the_request_are_set_by_their_names(upo_eval: Any, endpoint: Any) -> None:
    endpoint.respond = lambda _asked: says("tie")
    upo_eval("--judge-parameters", "max_tokens=null", "--judge-parameters", "seed=7")
    assert "max_tokens" not in endpoint.bodies[0]
    assert endpoint.bodies[0]["seed"] == 7


def test_a_key_on_the_command_line_is_refused_and_not_shown(upo_eval: Any, endpoint: Any) -> None:
    for option in (
        ["--judge_key_env", KEY],
        ["--set", f"judge.api_key={KEY}"],
        ["--set", f"judge=https://x:{KEY}@host/v1"],
    ):
        code, out, err = upo_eval(*option)
        assert code == 2
        assert KEY not in out + err
        assert "JUDGE_KEY" in err
    assert endpoint.bodies == []


def test_a_refused_key_ends_with_one_error_that_does_not_hold_it(
    upo_eval: Any, endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUDGE_KEY", KEY)
    monkeypatch.setenv("UPO_DEBUG", "1")
    endpoint.respond = lambda _asked: Answer(401, body=f"no such key: {KEY}".encode())
    code, out, err = upo_eval("--judge_key_env", "JUDGE_KEY")
    assert code == 2
    assert "the judge refused: status 401" in err
    assert "--judge_key_env" in err
    assert KEY[:8] not in out + err
