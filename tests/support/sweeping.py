"""A sweep whose points run in this process, and the events that it sent."""

from __future__ import annotations

from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from upo_sdk.config import build_config
from upo_sdk.sweep import PointEnded, PointStarted, SweepConfig
from upo_sdk.sweep.point import run_point
from upo_sdk.sweep.process import STOP, Channel, PointMessage

if TYPE_CHECKING:
    from pathlib import Path
    from queue import SimpleQueue

__all__ = ["InProcess", "Log", "asked"]


class InProcess:
    """A point in a thread instead of a process."""

    def __init__(
        self, name: str, folder: Path, _log: Path, messages: SimpleQueue[tuple[str, PointMessage]], _jobs: int
    ) -> None:
        self.name, self.phase = name, "preparing"
        self._channel = _Channel(name, messages)
        self._thread = Thread(target=self._run, args=(folder,))
        self._thread.start()

    def send(self, word: str) -> None:
        if word == STOP:
            self._channel.cancel.set()
        self._channel.allowed.set()

    def end(self) -> None:
        self.send(STOP)
        self._thread.join()

    def _run(self, folder: Path) -> None:
        self._channel.send(run_point(folder, self._channel))


class _Channel(Channel):
    def __init__(self, name: str, messages: SimpleQueue[tuple[str, PointMessage]]) -> None:
        super().__init__()
        self.name, self.messages, self.allowed = name, messages, Event()

    def send(self, message: PointMessage) -> None:
        self.messages.put((self.name, message))

    def wait_to_evaluate(self) -> None:
        self.allowed.wait()


class Log:
    """Remembers which points started and how they ended; may set a token when one starts."""

    def __init__(self, stop_at: int = 0) -> None:
        self.events = list[tuple[str, str]]()
        self.cancel = Event()
        self._stop_at = stop_at

    def on_event(self, event: object, /) -> None:
        if isinstance(event, PointStarted):
            self.events.append((event.name, "started"))
        elif isinstance(event, PointEnded):
            self.events.append((event.point.name, event.point.status))
            if len(self.events) == self._stop_at:
                self.cancel.set()


def asked(base: dict[str, Any], folder: Path, *objectives: str, **settings: Any) -> SweepConfig:
    return SweepConfig(base=build_config(base), objectives=objectives, output_dir=folder, **settings)
