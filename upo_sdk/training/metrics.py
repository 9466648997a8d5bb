"""Metrics of a logging interval: kept on the device, moved to the host once."""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

import torch

from upo_sdk.engine import effective_sample_size, gradient_metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from upo_sdk.engine import GradientParts, UnifiedOutput

__all__ = ["MetricBuffer"]


class MetricBuffer:
    """Collects the metrics of micro-batches and averages them over an interval."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = defaultdict(list)
        self._weights: list[Tensor] = []
        self._last_weights: list[Tensor] = []
        self._gradients: _Gradients | None = None

    def add(self, output: UnifiedOutput, *, step: int = 0, share: Tensor | float = 1.0) -> None:
        """Keep one micro-batch's metrics; nothing leaves the device.

        Args:
            output: What the loss returned.
            step: The optimizer step; gradients are added up over its micro-batches.
            share: What the micro-batch's loss is multiplied with before the backward pass.
        """
        for name, value in output.metrics.items():
            self._values[name].append(value.detach())
        if output.weights_N is not None:
            self._weights.append(output.weights_N)
        if output.gradients is not None:
            if self._gradients is None or self._gradients.step != step:
                self._gradients = _Gradients(step, output.gradients)
            self._gradients.add(output.gradients, share)

    @property
    def last_weights(self) -> list[float]:
        """The advantage weights of this process in the interval that is open, or else in the last one."""
        weights = self._weights or self._last_weights
        return torch.cat(weights).float().tolist() if weights else []

    def flush(self, mean_over_ranks: Callable[[Tensor], Tensor] = lambda values: values) -> dict[str, float]:
        """Return the means over the interval and start a new one.

        ``advantage/ess`` is pooled over the interval's completions, as a share of their number. A metric that is NaN in
        some batches (a batch without rejected completions) is averaged over the others. Gradients are those of the
        interval's last measured step.
        """
        if not self._values:
            return {}
        means = {name: torch.stack(values).float().nanmean() for name, values in self._values.items()}
        if self._weights:
            weights = torch.cat(self._weights)
            means["advantage/ess"] = effective_sample_size(weights) / weights.numel()
        gradients = self._gradients
        products = [gradients.gram_MM.flatten()] if gradients else []
        moved = mean_over_ranks(torch.cat([torch.stack(list(means.values())), *products])).tolist()
        flushed = dict(zip(means, moved, strict=False))
        if gradients:
            flushed |= gradients.metrics(moved[len(means) :])
        self._values.clear()
        self._last_weights, self._weights = self._weights, []
        self._gradients = None
        return {name: value for name, value in flushed.items() if not math.isnan(value)}


class _Gradients:
    """The inner products of one step's gradient parts, over its micro-batches."""

    def __init__(self, step: int, parts: GradientParts) -> None:
        self.step = step
        self.gram_MM = torch.zeros(2 * (len(parts.names),), device=parts.gradient_MNT.device)
        self._names, self._preference = parts.names, parts.preference

    def add(self, parts: GradientParts, share: Tensor | float) -> None:
        self.gram_MM += share**2 * parts.gram_MM()

    def metrics(self, products: list[float]) -> dict[str, float]:
        gram_MM = torch.tensor(products, dtype=torch.float64).view(self.gram_MM.shape)
        found = gradient_metrics(self._names, self._preference, gram_MM)
        return dict(zip(found, torch.stack(list(found.values())).tolist(), strict=True))
