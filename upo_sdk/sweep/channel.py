"""How the process of a point and that of the sweep talk: lines of JSON one way, words the other.

The sweep says ``evaluate`` when the point may evaluate, and ``stop`` when it should end with a checkpoint. The end of
the stream means that the sweep is gone, however it went: then the point ends at once, so that none outlives its sweep
and writes beside the next one.
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
    """One line of a point: where it is, or how it ended."""

    phase: Phase
    task: str = Field(default="", description="What the numbers count.")
    done: int = 0
    total: int = 0
    failure: PointFailure | None = None


class Channel:
    """The point's end.

    Attributes:
        cancel: Set once the sweep says ``stop``.
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

    def tell(self, told: PointMessage) -> None:
        """Say where the point is."""
        if self._out is not None:
            self._out.write(told.model_dump_json() + "\n")

    def wait_to_evaluate(self) -> None:
        """Return when the sweep lets this point evaluate, or wants it to stop."""
        self._may_evaluate.wait()

    def _listen(self) -> None:
        for line in sys.stdin:
            if line.strip() == STOP:
                self.cancel.set()
            self._may_evaluate.set()
        os._exit(_ORPHANED)
