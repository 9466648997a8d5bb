"""Secrets in addresses are hidden; everything else is left alone."""

from __future__ import annotations

import pytest

from upo_sdk.errors import ConfigError
from upo_sdk.redaction import redact, without_secrets


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("see https://me:pw@a.example/x", "see https://***@a.example/x"),
        ("https://pw@a.example", "https://***@a.example"),
        ("https://a.example/?key=pw&model=x", "https://a.example/?key=***&model=x"),
        ("https://a.example/?model=x&access_token=pw#top", "https://a.example/?model=x&access_token=***#top"),
        ("'https://a.example/?sig=pw', and more", "'https://a.example/?sig=***', and more"),
        ("https://a.example/?monkey=see&encode=utf8", "https://a.example/?monkey=see&encode=utf8"),
        ("write to me@a.example, key=value", "write to me@a.example, key=value"),
        ("https://a.example/v1/@me", "https://a.example/v1/@me"),
    ],
)
def test_only_secrets_are_hidden(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_no_error_repeats_a_password() -> None:
    url = "https://me:pw@a.example"
    error = ConfigError(f"{url} is wrong", where=url, fix=f"leave {url} out")
    assert "pw" not in str(error) + repr(error)


def test_settings_named_like_a_secret_are_hidden_and_the_others_stay() -> None:
    settings = {"token": "a", "hub_token": "b", "token_env": "NAME", "max_new_tokens": 7, "nested": [{"api_key": "c"}]}
    assert without_secrets({**settings, "url": "https://u:p@host/"}) == {
        "token": "***",
        "hub_token": "***",
        "token_env": "NAME",
        "max_new_tokens": 7,
        "nested": [{"api_key": "***"}],
        "url": "https://***@host/",
    }
