"""Call third-party code within a time limit, with its prints caught. This is not a sandbox.

A call in the main thread is interrupted by an alarm, which also ends a regular expression that backtracks for ever.
Elsewhere, and on Windows, the call runs in another thread, which is left behind when the time is up.
"""

from __future__ import annotations

import signal
import sys
import threading
from contextlib import contextmanager
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

__all__ = ["TimeLimitError", "call_with_time_limit", "prints_caught"]

T = TypeVar("T")

_RINGS_AGAIN_AFTER = 1.0
"""Seconds; code that swallows every exception is interrupted again."""


class TimeLimitError(Exception):
    """A call did not return in time."""


class _TimeIsUp(BaseException):
    """Not an ``Exception``, so that an ordinary ``except`` in the interrupted code does not catch it."""


def call_with_time_limit(seconds: float | None, function: Callable[[], T]) -> T:
    """Return what the function returns, or raise what it raises.

    Raises:
        TimeLimitError: It took longer. Outside the main thread, the function then continues in the background.
    """
    if seconds is None:
        return function()
    return _with_alarm(seconds, function) if _alarm_is_free() else _in_thread(seconds, function)


def _alarm_is_free() -> bool:
    """Whether this is the main thread of a POSIX process whose alarm nobody uses."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        return False
    return signal.getsignal(signal.SIGALRM) is signal.SIG_DFL and signal.getitimer(signal.ITIMER_REAL)[0] == 0


def _with_alarm(seconds: float, function: Callable[[], T]) -> T:
    armed = True

    def ring(_number: int, _frame: object) -> None:
        if armed:
            raise _TimeIsUp

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, _RINGS_AGAIN_AFTER)
    try:
        return function()
    except _TimeIsUp:
        raise TimeLimitError from None
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)


def _in_thread(seconds: float, function: Callable[[], T]) -> T:
    answers: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def work() -> None:
        try:
            answers.put((function(), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the calling thread
            answers.put((None, error))

    # A daemon, because concurrent.futures waits at exit for a thread that never ends.
    threading.Thread(target=copy_context().run, args=(work,), name="upo-contained", daemon=True).start()
    try:
        value, error = answers.get(timeout=seconds)
    except Empty:
        raise TimeLimitError from None
    if error is not None:
        raise error
    return cast("T", value)


_caught: dict[int, list[str]] = {}
_catching = threading.Lock()


@contextmanager
def prints_caught(report: Callable[[str], None]) -> Generator[None]:
    """Keep what this thread writes to ``sys.stdout`` off it, and report it at the end; other threads write as ever."""
    thread, texts = threading.get_ident(), list[str]()
    with _catching:
        if not _caught:
            sys.stdout = _Switch(sys.stdout)
        outer, _caught[thread] = _caught.get(thread), texts
    try:
        yield
    finally:
        with _catching:
            if outer is None:
                del _caught[thread]
            else:
                _caught[thread] = outer
            if not _caught and isinstance(sys.stdout, _Switch):
                sys.stdout = sys.stdout.stream
        if text := "".join(texts).strip():
            report(text)


class _Switch:
    """Stands in for ``sys.stdout`` while a thread is caught."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        texts = _caught.get(threading.get_ident())
        if texts is None:
            return cast("int", self.stream.write(text))
        texts.append(text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
