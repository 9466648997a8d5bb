"""Notices that an endpoint is gone, or talks and never decides."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from upo_sdk.evaluation.judge.questions import Reply

__all__ = ["StopRule"]

_SILENT = 8
"""So many questions in a row without any answer, and the judge is taken to be gone."""

_SENSELESS = 32
"""So many in a row without a verdict, and no further one is paid for."""


class StopRule:
    """Looks at replies as they come.

    Attributes:
        stopped: Why no further question should be asked; empty while there is no reason.
    """

    def __init__(self) -> None:
        self.stopped = ""
        self._silent = self._senseless = 0

    def see(self, replies: Iterable[Reply]) -> None:
        """Count replies; a verdict restarts the count."""
        for reply in replies:
            self._silent = 0 if reply.answered else self._silent + 1
            self._senseless = 0 if reply.verdict else self._senseless + 1
            if reply.last:
                self.stopped = reply.example
            elif self._silent == _SILENT:
                self.stopped = f"the judge did not answer {_SILENT} questions in a row: {reply.example}"
            elif self._senseless == _SENSELESS:
                self.stopped = f"{_SENSELESS} questions in a row had no verdict: {reply.example}"
