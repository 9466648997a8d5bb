"""A callback that remembers what it was told."""

from __future__ import annotations

from typing import TYPE_CHECKING

from upo_sdk.events import Notice

if TYPE_CHECKING:
    from collections.abc import Callable

    from upo_sdk.events import Event

__all__ = ["Recorder"]


class Recorder:
    """Keeps every event, and may act on them."""

    def __init__(self, act: Callable[[Event], None] = lambda _event: None) -> None:
        self.events: list[Event] = []
        self.act = act

    def on_event(self, event: Event, /) -> None:
        self.events.append(event)
        self.act(event)

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.events if isinstance(event, Notice)]
