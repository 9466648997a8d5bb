"""The first SIGINT or SIGTERM asks a run to stop with a checkpoint; the second ends it at once."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import FrameType

__all__ = ["stop_on_signal"]

_MESSAGE = "stopping after this step, a checkpoint will be written; interrupt again to stop at once"


@contextmanager
def stop_on_signal(message: str = _MESSAGE, *, tell: Callable[[str], None] | None = None) -> Generator[threading.Event]:
    """Yield a token that a signal sets; the handlers that were there are put back afterwards.

    Args:
        message: What the first signal is answered with, on stderr.
        tell: Takes the message instead; it may not touch a buffered stream, which the signal may have interrupted.

    Raises:
        KeyboardInterrupt: At the second signal.
    """
    cancel = threading.Event()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        if tell:
            tell(message)
        else:
            os.write(2, f"\n{message}\n".encode())  # a handler may interrupt a write of the buffered stderr

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
