"""Waiting and retrying, without a network."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upo_sdk.http.client import Patience, retry_after, should_retry

PATIENCE = Patience(retries=5, backoff=1.0, max_wait=5.0, connect_timeout=1.0, read_timeout=1.0)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOON) == seconds


def test_only_what_may_pass_is_retried() -> None:
    retried = [status for status in range(100, 600) if should_retry(status)]
    assert {429, 500, 502, 503, 504} < set(retried)
    assert not {200, 301, 400, 401, 403, 404, 422, 501, 505} & set(retried)


def test_waits_double_with_jitter_up_to_the_longest() -> None:
    highest = [1.0, 2.0, 4.0, 5.0, 5.0]
    for failures, high in enumerate(highest, start=1):
        found = [PATIENCE.wait(failures, None, Random(seed)) for seed in range(50)]
        assert high / 2 <= min(found) < max(found) <= high


@given(st.integers(1, 10_000), st.none() | st.floats(0, 1e9), st.integers())
def test_no_wait_is_longer_than_allowed_nor_shorter_than_asked(failures: int, asked: float | None, seed: int) -> None:
    wait = replace(PATIENCE, backoff=0.5, max_wait=60.0).wait(failures, asked, Random(seed))
    assert min(asked or 0.25, 60.0) <= wait <= 60.0
