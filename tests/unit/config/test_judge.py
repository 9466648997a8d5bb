"""How a judge is written down, and that a key never is."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from upo_sdk.config import JudgeConfig
from upo_sdk.errors import ConfigError

SECRET = "sk-live-123456789"


@pytest.mark.parametrize(
    ("target", "kind"),
    [("hf:org/rm", "reward-model"), ("hf:./rm,input=pair", "reward-model"), ("lm:org/chat", "language-model")],
)
def test_a_bare_text_is_a_local_judge(target: str, kind: str) -> None:
    assert JudgeConfig.model_validate(target).kind == kind


@pytest.mark.parametrize(
    ("target", "url"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000/v1/chat/completions"),
        ("https://judge.example/v1/", "https://judge.example/v1/chat/completions"),
        ("https://judge.example/v1/chat/completions", "https://judge.example/v1/chat/completions"),
    ],
)
def test_an_address_is_an_endpoint(target: str, url: str) -> None:
    config = JudgeConfig(target=target, model="m")
    assert config.kind == "endpoint"
    assert config.url == url


@pytest.mark.parametrize(
    "target", ["gpt-4", "lm:", "ftp://host/v1", "http:host", "http://", "http://host:port/v1", "hf"]
)
def test_anything_else_is_refused_with_the_forms_that_there_are(target: str) -> None:
    with pytest.raises(ConfigError) as caught:
        JudgeConfig(target=target, model="m")
    assert "lm:MODEL" in (caught.value.fix or "")


@pytest.mark.parametrize(
    "target", ["https://me:pass@host/v1", f"https://host/v1?api_key={SECRET}", "https://host/v1?x=1"]
)
def test_an_address_with_a_secret_or_a_query_is_refused(target: str) -> None:
    with pytest.raises(ConfigError) as caught:
        JudgeConfig(target=target, model="m")
    assert not {"pass@", SECRET} & set(str(caught.value).split())
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "given", [{"key_env": SECRET}, {"key_env": "gsk_abcdEFGH"}, {"api_key": SECRET}, {"token": SECRET}]
)
def test_a_key_written_down_is_refused_and_not_repeated(given: dict[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        JudgeConfig.model_validate({"target": "https://host/v1", "model": "m", **given})
    assert "`judge.key_env=JUDGE_KEY`" in (caught.value.fix or "")
    for shown in (str(caught.value), repr(caught.value)):
        assert all(value not in shown for value in given.values())


def test_an_endpoint_needs_the_name_of_a_model_and_a_local_one_has_none() -> None:
    with pytest.raises(ValidationError, match=r"`judge\.model=NAME`"):
        JudgeConfig(target="https://host/v1")
    with pytest.raises(ValidationError, match="is a local model"):
        JudgeConfig(target="lm:org/chat", model="m")
