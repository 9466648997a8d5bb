"""Time, loss and memory of one run."""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import torch

__all__ = ["Meter", "peak_mb"]


class Meter:
    """Notes the loss, the time and the peak of memory at every step of a run."""

    def __init__(self, loaded_mb: float) -> None:
        self.loaded_mb = loaded_mb
        self.prepared_mb = loaded_mb
        self.losses: list[float] = []
        self._started = time.perf_counter()
        self._times: list[float] = []

    def prepared(self) -> None:
        """Note the peak before the first step; the last note counts."""
        self.prepared_mb = peak_mb()

    def step(self, loss: float) -> None:
        """Note a step whose loss has arrived on the host, so its work is done."""
        self._times.append(time.perf_counter())
        self.losses.append(loss)

    def result(self, skip: int, batch_size: int, pairs: int) -> dict[str, Any]:
        """Return what was measured; the run is over."""
        whole = time.perf_counter() - self._started
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
