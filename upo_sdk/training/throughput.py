"""How fast a run trained, and how much memory it took: the summary at the end of ``metrics.jsonl``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

__all__ = ["Throughput"]

_MIB = 2**20


@dataclass(slots=True)
class Throughput:
    """Counts what one process trains on.

    Attributes:
        device: Where the policy is.
        rows: Rows (pairs, or single completions) so far.
        tokens: Tokens so far: of each row its prompt once and all its responses, without padding.
        paired: Whether the rows are pairs.
    """

    device: torch.device
    rows: int = 0
    tokens: int = 0
    paired: bool = False

    def __post_init__(self) -> None:
        if self.device.type == "cuda":  # what came before training is not its memory
            torch.cuda.reset_peak_memory_stats(self.device)

    def add(self, inputs: Mapping[str, Any]) -> None:
        """Count a collated batch."""
        self.rows += inputs["rows"]
        self.tokens += inputs["tokens"]
        self.paired = "chosen_B" in inputs["loss"]

    def summary(self, seconds: float, gather: Callable[[Tensor], Any]) -> dict[str, float]:
        """Return the rates of all ranks together and the peak memory, in MiB, of the rank that needs most.

        On a GPU it is what tensors occupied since training began; elsewhere the resident memory of the process since it
        started, where the system counts it.
        """
        counted = torch.tensor([[self.rows, self.tokens, self._peak_bytes() / _MIB]], device=self.device)
        rows_R, tokens_R, peak_R = gather(counted).cpu().unbind(-1)
        return {
            "pairs_per_second" if self.paired else "completions_per_second": float(rows_R.sum()) / seconds,
            "tokens_per_second": float(tokens_R.sum()) / seconds,
            **({"peak_memory_mb": float(peak_R.max())} if peak_R.all() else {}),
        }

    def _peak_bytes(self) -> int:
        if self.device.type == "cuda":
            return torch.cuda.max_memory_allocated(self.device)
        if sys.platform == "win32":
            return 0
        import resource

        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
