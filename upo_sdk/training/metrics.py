"""Metrics of a logging interval: kept on the device, moved to the host once."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import torch

from upo_sdk.engine import effective_sample_size

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from upo_sdk.engine import UnifiedOutput

__all__ = ["MetricBuffer"]


class MetricBuffer:
    """Collects the metrics of micro-batches and averages them over an interval."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = defaultdict(list)
        self._weights: list[Tensor] = []

    def add(self, output: UnifiedOutput) -> None:
        """Keep one micro-batch's metrics; nothing leaves the device."""
        for name, value in output.metrics.items():
            self._values[name].append(value.detach())
        if output.weights_N is not None:
            self._weights.append(output.weights_N)

    def flush(self, mean_over_ranks: Callable[[Tensor], Tensor] = lambda values: values) -> dict[str, float]:
        """Return the means over the interval and start a new one.

        ``advantage/ess`` is pooled over the interval's completions, as a share of their number. A metric that is NaN in
        some batches (a batch without rejected completions) is averaged over the others.
        """
        if not self._values:
            return {}
        means = {name: torch.stack(values).float().nanmean() for name, values in self._values.items()}
        if self._weights:
            weights = torch.cat(self._weights)
            means["advantage/ess"] = effective_sample_size(weights) / weights.numel()
        names, moved = list(means), mean_over_ranks(torch.stack(list(means.values()))).tolist()
        self._values.clear()
        self._weights.clear()
        return {name: value for name, value in zip(names, moved, strict=True) if not math.isnan(value)}
