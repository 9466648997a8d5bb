"""Calls within a time limit, with prints caught: by an alarm in the main thread, in a thread of its own elsewhere."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import pytest

from upo_sdk.guarded_call import TimeLimitError, call_with_time_limit, prints_caught

if TYPE_CHECKING:
    from collections.abc import Callable

say = print
posix = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there is no alarm on Windows")


def wait() -> None:
    threading.Event().wait(60)


def elsewhere(function: Callable[[], Any]) -> Any:
    """Call a function in a thread that is not the main one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function).result()


def test_what_is_done_in_time_returns_or_raises_as_it_would() -> None:
    for call in (lambda f: f(), elsewhere):
        assert call(lambda: call_with_time_limit(30, lambda: 7)) == 7
        with pytest.raises(ZeroDivisionError):
            call(lambda: call_with_time_limit(30, lambda: 1 // 0))
        with pytest.raises(SystemExit):
            call(lambda: call_with_time_limit(30, sys.exit))


def test_without_a_limit_it_is_called_here() -> None:
    assert call_with_time_limit(None, threading.get_ident) == threading.get_ident()


@posix
def test_in_the_main_thread_a_call_is_interrupted_where_it_is() -> None:
    reached: list[str] = []

    def waits() -> None:
        try:
            wait()
        except Exception:  # noqa: BLE001 - what careless plugins do
            reached.append("caught")
        finally:
            reached.append("cleaned up")

    with pytest.raises(TimeLimitError):
        call_with_time_limit(0.05, waits)
    assert reached == ["cleaned up"]


@posix
def test_a_regular_expression_that_backtracks_for_ever_is_interrupted() -> None:
    with pytest.raises(TimeLimitError):
        call_with_time_limit(0.1, lambda: re.match(r"(a+)+$", "a" * 60 + "b"))


@posix
def test_code_that_swallows_everything_is_interrupted_again() -> None:
    def stubborn() -> None:
        for _ in range(2):
            with suppress(BaseException):
                wait()

    with pytest.raises(TimeLimitError):
        call_with_time_limit(0.05, lambda: [stubborn(), wait()])


@posix
def test_the_alarm_is_as_it_was_afterwards() -> None:
    call_with_time_limit(30, lambda: None)
    with pytest.raises(TimeLimitError):
        call_with_time_limit(0.01, wait)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


@posix
def test_an_alarm_that_somebody_uses_is_left_alone() -> None:
    rung: list[int] = []
    signal.signal(signal.SIGALRM, lambda number, _frame: rung.append(number))
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    try:
        with pytest.raises(TimeLimitError):
            call_with_time_limit(0.3, wait)
    finally:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
    assert rung == [signal.SIGALRM]


def test_elsewhere_the_caller_goes_on_and_the_call_is_left_behind() -> None:
    go_on, ended = threading.Event(), threading.Event()

    def hangs() -> None:
        go_on.wait(60)
        ended.set()

    with pytest.raises(TimeLimitError):
        elsewhere(lambda: call_with_time_limit(0.05, hangs))
    assert not ended.is_set()
    go_on.set()
    assert ended.wait(60)


def test_a_call_that_is_left_behind_does_not_keep_the_process() -> None:
    code = """
import threading
from upo_sdk.guarded_call import TimeLimitError, call_with_time_limit
def limited():
    try: call_with_time_limit(0.05, threading.Event().wait)
    except TimeLimitError: print("late")
thread = threading.Thread(target=limited); thread.start(); thread.join()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == "late\n"


def test_elsewhere_the_callers_context_is_kept() -> None:
    variable = ContextVar("variable", default=0)

    def call() -> int:
        variable.set(3)
        return call_with_time_limit(30, variable.get)

    assert elsewhere(call) == 3


def test_prints_are_reported_and_kept_off_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    reported: list[str] = []
    stdout = sys.stdout
    with prints_caught(reported.append):
        say("loud")
        with prints_caught(reported.append):
            say("louder")
        say("again", flush=True)
    say("after")
    assert reported == ["louder", "loud\nagain"]
    assert capsys.readouterr().out == "after\n"
    assert sys.stdout is stdout


def test_a_quiet_call_reports_nothing_and_one_that_raises_still_reports() -> None:
    reported: list[str] = []
    with prints_caught(reported.append):
        pass
    with pytest.raises(ZeroDivisionError), prints_caught(reported.append):
        raise ZeroDivisionError(say("last words"))
    assert reported == ["last words"]


def test_other_threads_write_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, reported = io.StringIO(), list[str]()
    monkeypatch.setattr(sys, "stdout", stream)
    with prints_caught(reported.append):
        elsewhere(lambda: say("from elsewhere"))
    assert (stream.getvalue(), reported) == ("from elsewhere\n", [])


def test_two_threads_are_caught_apart_and_stdout_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    inside, may_leave = threading.Event(), threading.Event()
    first, second = list[str](), list[str]()

    def other() -> None:
        with prints_caught(second.append):
            say("second")
            inside.set()
            may_leave.wait(60)

    thread = threading.Thread(target=other)
    with prints_caught(first.append):
        say("first")
        thread.start()
        inside.wait(60)
    say("through")
    may_leave.set()
    thread.join()
    assert (first, second, stream.getvalue()) == (["first"], ["second"], "through\n")
    assert sys.stdout is stream


def test_a_call_in_time_costs_little() -> None:
    start = time.perf_counter()
    for _ in range(100):
        call_with_time_limit(30, lambda: None)
    assert time.perf_counter() - start < 5
