"""Time, loss and memory of one run."""

from __future__ import annotations

import os
import resource
import sys
import time
from contextlib import suppress
from typing import Any

import torch

__all__ = ["Meter", "Turn", "peak_mb"]


class Turn:
    """The right to compute, which goes round among processes: each reads from one pipe and writes to the next one's.

    Args:
        mine: Where to read.
        next_one: Where to write; a process that is alone writes to itself.
    """

    def __init__(self, mine: int, next_one: int) -> None:
        self._mine, self._next_one = mine, next_one
        self._waited = 0.0

    def clock(self) -> float:
        """Return the seconds, those spent waiting left out."""
        return time.perf_counter() - self._waited

    def wait(self) -> None:
        """Wait for the turn; where nobody is left who could give it, go on."""
        started = time.perf_counter()
        os.read(self._mine, 1)
        self._waited += time.perf_counter() - started

    def give(self) -> None:
        """Give the turn to the next process, if it still runs."""
        with suppress(BrokenPipeError):
            os.write(self._next_one, b".")


class Meter:
    """Notes the loss, the time and the peak of memory at every step of a run, and gives its turn away after each."""

    def __init__(self, loaded_mb: float, turn: Turn) -> None:
        self.loaded_mb = loaded_mb
        self.prepared_mb = loaded_mb
        self.losses: list[float] = []
        self._turn = turn
        self._started = turn.clock()
        self._times: list[float] = []

    def prepared(self) -> None:
        """Note the peak before the first step; the last note counts."""
        self.prepared_mb = peak_mb()

    def step(self, loss: float) -> None:
        """Note a step whose loss has arrived on the host, so its work is done."""
        self._times.append(self._turn.clock())
        self.losses.append(loss)
        self._turn.give()
        self._turn.wait()

    def result(self, skip: int, batch_size: int, pairs: int) -> dict[str, Any]:
        """Return what was measured; the run is over."""
        whole = self._turn.clock() - self._started
        steady = self._times[-1] - self._times[skip - 1]
        peak = peak_mb()
        return {
            "pairs_per_second": (len(self._times) - skip) * batch_size / steady,
            "pairs_per_second_whole_run": pairs / whole,
            "seconds_to_first_step": self._times[0] - self._started,
            "peak_mb": peak,
            "growth_mb": peak - self.loaded_mb,
            "growth_before_training_mb": self.prepared_mb - self.loaded_mb,
            "losses": self.losses,
        }


def peak_mb() -> float:
    """Return the most memory the process ever held: on the GPU if there is one, else resident."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 1e6
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
