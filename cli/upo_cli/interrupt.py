"""The first SIGINT or SIGTERM asks a run to stop with a checkpoint; the second ends it at once."""

from __future__ import annotations

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
def stop_on_signal(show: Callable[[str], None], message: str = _MESSAGE) -> Generator[threading.Event]:
    """Yield a token that a signal sets; the handlers that were there are put back afterwards.

    Args:
        show: Shows the message; it may not touch a buffered stream, which the signal may have interrupted.
        message: What the first signal is answered with.

    Raises:
        KeyboardInterrupt: At the second signal.
    """
    cancel = threading.Event()

    def handle(_signal: int, _frame: FrameType | None) -> None:
        if cancel.is_set():
            raise KeyboardInterrupt
        cancel.set()
        show(message)

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
