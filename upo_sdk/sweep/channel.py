"""How a point's process and the sweep's process communicate: JSON lines to the sweep, single words to the point.

The sweep sends ``evaluate`` when the point may evaluate, and ``stop`` when it should save a checkpoint and end. If the
stream ends, the sweep is gone: then the point ends at once, so that it does not outlive its sweep and write into the
folder of the next one.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Literal, TextIO

from pydantic import Field

from upo_sdk.config.base import Section
from upo_sdk.records import PointFailure

if TYPE_CHECKING:
    from typing import Self

__all__ = ["EVALUATE", "STOP", "Channel", "Phase", "PointMessage"]

EVALUATE, STOP = "evaluate", "stop"

Phase = Literal["preparing", "training", "waiting", "evaluating", "done", "failed", "cancelled"]

_ORPHANED = 1


class PointMessage(Section):
    """One message of a point: its progress, or how it ended."""

    phase: Phase
    task: str = Field(default="", description="What the numbers count.")
    done: int = 0
    total: int = 0
    failure: PointFailure | None = None


class Channel:
    """The point's end.

    Attributes:
        cancel: Set once the sweep sends ``stop``.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self.cancel = threading.Event()
        self._may_evaluate = threading.Event()
        self._out = out
        if out is None:
            self._may_evaluate.set()

    @classmethod
    def attached(cls) -> Self:
        """Take stdin and stdout for the channel; what anything else prints to stdout goes to stderr."""
        channel = cls(os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", buffering=1))
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        threading.Thread(target=channel._listen, daemon=True).start()
        return channel

    def send(self, message: PointMessage) -> None:
        """Report where the point is."""
        if self._out is not None:
            self._out.write(message.model_dump_json() + "\n")

    def wait_to_evaluate(self) -> None:
        """Return when the sweep lets this point evaluate, or wants it to stop."""
        self._may_evaluate.wait()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == STOP:
                self.cancel.set()
            self._may_evaluate.set()
        os._exit(_ORPHANED)
