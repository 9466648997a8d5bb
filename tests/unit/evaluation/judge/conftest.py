"""A judge behind an endpoint, and what it makes of ten pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from judge_endpoint import serving_judge

from upo_sdk.cache import ContentCache
from upo_sdk.evaluation.judge import judge_answers
from upo_sdk.events import Notice

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from judge_endpoint import Endpoint

    from upo_sdk.evaluation.judge import WinRate
    from upo_sdk.events import Event

PROMPTS = [f"prompt {number}" for number in range(10)]
MINE = ["a good answer"] * 6 + ["an answer"] * 4
OTHERS = ["some answer"] * 7 + ["a good one"] * 3
"""A judge who likes 'good' sees 6 wins, 1 tie and 3 losses."""


@pytest.fixture
def endpoint() -> Generator[Endpoint]:
    """Return a running endpoint whose judge prefers answers with the word ``good``."""
    with serving_judge() as fake:
        yield fake


class Heard:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def on_event(self, event: Event, /) -> None:
        self.events.append(event)

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def judge(endpoint: Any, own_cache: Path, heard: Heard) -> Any:
    """Return a function that lets the endpoint judge."""

    def run(
        mine: list[str] = MINE, others: list[str] = OTHERS, prompts: list[str] = PROMPTS, **settings: Any
    ) -> WinRate:
        return judge_answers(
            prompts,
            mine,
            others,
            endpoint.config(**settings),
            cache=ContentCache(own_cache / "cache.sqlite"),
            callbacks=[heard],
        )

    return run


def counts(found: WinRate) -> tuple[int, int, int]:
    return found.wins, found.ties, found.losses


def failed(found: WinRate) -> dict[str, int]:
    return {item.reason: item.pairs for item in found.failures}
