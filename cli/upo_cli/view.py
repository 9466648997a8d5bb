"""What the views of all commands share: a context, the reply to the first signal, and the choice of bars or lines."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING

from upo_cli.output import console

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from rich.console import Console

    from upo_cli.shared import LogFormat

__all__ = ["PrintedView", "View", "can_be_live", "live_by"]


class View:
    """A context in which events are shown."""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Nothing to start."""

    def stop(self) -> None:
        """Nothing to end."""

    def stopping(self, text: str) -> None:
        """Say that the first signal has arrived; it may interrupt a write of the buffered stderr."""
        os.write(2, f"\n{text}\n".encode())


class PrintedView(View):
    """Prints to stderr, for people.

    Args:
        err: Where to; stderr by default.
        spelled: How settings in messages are shown, which are keys of the configuration.
    """

    def __init__(self, err: Console | None = None, *, spelled: Callable[[str], str] = str) -> None:
        self._err = err or console(stderr=True)
        self._spelled = spelled

    def _print(self, text: str) -> None:
        self._err.print(self._spelled(text), markup=False, soft_wrap=True)

    def _warn(self, text: str) -> None:
        self._err.print(f"warning: {self._spelled(text)}", style="yellow", markup=False, soft_wrap=True)


def can_be_live(err: Console) -> bool:
    """Whether bars can be drawn."""
    if err.is_jupyter:  # rich shows bars there by ipywidgets, or not at all
        return find_spec("ipywidgets") is not None
    return err.is_terminal and not err.is_dumb_terminal


def live_by(log_format: LogFormat) -> bool | None:
    """Return what the user asked for, bars or lines; None leaves it to what stderr is."""
    return None if log_format == "auto" else log_format == "rich"
