"""A key is sent, and never shown."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from upo_sdk.errors import ConfigError
from upo_sdk.http.address import is_in_the_clear
from upo_sdk.http.key import Key

if TYPE_CHECKING:
    from collections.abc import Sequence

VALUE = "hunter2-correct-horse"


def test_the_key_is_in_its_header_and_in_no_representation() -> None:
    key = Key(VALUE)
    assert key.headers() == {"Authorization": f"Bearer {VALUE}"}
    assert Key(VALUE, "X-Key").headers() == {"X-Key": VALUE}
    assert Key("").headers() == {}
    assert VALUE not in f"{key} {key!r} {[key]}"


@pytest.mark.parametrize("text", [f"Bearer {VALUE}!", "key hunter2-corr****", "hunter2\\u002dcorrect\\u002dhorse"])
def test_a_text_with_the_key_or_a_part_of_it_is_hidden(text: str) -> None:
    shown = Key(VALUE).hide(text)
    assert "***" in shown
    assert not any(part in shown for part in ("hunter2", "correct", "horse"))


def test_other_texts_stay_as_they_are() -> None:
    assert Key(VALUE).hide("a horse hunts") == "a horse hunts"
    assert Key("").hide("anything") == "anything"


@pytest.mark.parametrize("value", ["", "  ", "two words", "line\nbreak", "schlüssel"])
def test_what_cannot_be_a_key_is_refused_without_being_repeated(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", value)
    with pytest.raises(ConfigError, match="'SOME_KEY'") as caught:
        Key.from_environment("SOME_KEY", where="here")
    assert not any(word in str(caught.value) for word in ("two words", "break", "schl"))


def test_the_logs_of_the_http_library_hide_it_only_while_it_is_in_use(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    logger = logging.getLogger("httpcore2.http11")
    with Key(VALUE).hidden_in_logs():
        logger.debug("got %s", VALUE)
    assert VALUE not in caplog.text
    assert logger.filters == []


@pytest.mark.parametrize(
    ("urls", "clear"),
    [
        (["http://judge.example/v1", "http://10.0.0.7:8000/v1"], True),
        (["http://localhost:8000/v1", "http://127.0.0.1/v1", "http://[::1]/v1", "https://judge.example/v1"], False),
    ],
)
def test_plain_http_to_another_machine_can_be_read_on_the_way(urls: Sequence[str], clear: bool) -> None:  # noqa: FBT001
    assert [is_in_the_clear(url) for url in urls] == [clear] * len(urls)
