"""A name server that never answers."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["silent_name_server"]


@contextmanager
def silent_name_server() -> Generator[None]:
    """Let look-ups of names hang until the end, which waits for the first."""
    asked, over = threading.Event(), threading.Event()

    def look_up(*_: object, **__: object) -> list[object]:
        asked.set()
        over.wait(300)
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.getaddrinfo", look_up)
        yield
        assert asked.wait(300)
        over.set()
